mod archiving;
mod comparing;
mod ground;
mod moving;
mod patterns;
mod preparing;
mod putting;
mod sshd;
mod taking;
mod wanting;
mod watching;

use ground::Ground;
use sshd::Sshd;

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn files_of_a_host_behind_ssh_are_taken_as_they_are() {
    let sshd = Sshd::start();
    taking::as_it_is(&Ground::on(sshd.host())).await;
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn files_are_put_back_onto_a_host_behind_ssh() {
    let sshd = Sshd::start();
    putting::back(&Ground::on(sshd.host())).await;
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn changes_on_a_host_behind_ssh_are_noticed() {
    let sshd = Sshd::start();
    watching::noticed(&Ground::on(sshd.host())).await;
}
