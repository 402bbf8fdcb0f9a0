mod crashes;
mod entries;
mod fold;
mod racing;
mod running;
mod world;
