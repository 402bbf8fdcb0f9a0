mod archiving;
mod ground;
mod moving;
mod patterns;
mod taking;
mod wanting;
