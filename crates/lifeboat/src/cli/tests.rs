use super::*;

fn output(line: &str) -> Output {
    wanted_output(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
}

#[test]
fn the_command_tree_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn wrong_arguments_are_answered_in_the_form_they_ask_for() {
    for line in [
        "lifeboat --output json x",
        "lifeboat x --output=json",
        "lifeboat x -o json",
        "lifeboat -ojson",
    ] {
        assert_eq!(output(line), Output::Json, "{line}");
    }
    for line in [
        "lifeboat",
        "lifeboat x --output",
        "lifeboat lab exec main -- ps -o json",
        "lifeboat json",
    ] {
        assert_eq!(output(line), Output::Table, "{line}");
    }
}
