use super::*;

fn tally(lines: &[&str]) -> Tally {
    let mut tally = Tally::default();
    for line in lines {
        tally.read(line);
    }
    tally
}

#[test]
fn both_runners_are_understood() {
    let counted = tally(&[
        "running 11 tests",
        "test result: FAILED. 9 passed; 2 failed; 1 ignored; 0 measured; 5 filtered out; finished in 0.05s",
        "test result: \u{1b}[32mok\u{1b}[0m. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        "ok  \tmanager/tunnel\t0.412s",
        "?   \tmanager\t[no test files]",
        "--- FAIL: TestToken (0.00s)",
        "FAIL\tmanager/token [build failed]",
        "FAIL",
        "test a_name_with_ok ... ok",
    ]);
    assert_eq!(counted, Tally { passed: 22, failed: 3, skipped: 1 });
}

#[test]
fn a_test_that_was_skipped_and_then_run_counts_once() {
    let mut all = Tally { passed: 40, failed: 0, skipped: 7 };
    all.add_made_up_for(Tally { passed: 5, failed: 1, skipped: 0 });
    assert_eq!(all.summary(), "45 passed, 1 failed, 1 skipped");
}
