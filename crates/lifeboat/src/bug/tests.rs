use super::*;
use crate::printer::Output;

// One test: the hook belongs to the whole process.
#[test]
fn a_panic_is_not_done_and_a_failure_passes_through() {
    let outcome = catch(Printer::new(Output::Json), || panic!("a test of the net"));
    assert_eq!(outcome.unwrap(), ExitCode::FAILURE);

    let outcome = catch(Printer::new(Output::Table), || Err(Failure::new("LB0001", Kind::Invalid, "no")));
    assert_eq!(outcome.unwrap_err().exit_code(), ExitCode::from(2));
}
