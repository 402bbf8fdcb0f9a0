use super::*;

#[test]
fn times_read_as_people_say_them() {
    let told = [-5, 0, 179, 180, 7199, 7200, 172_799, 172_800, 800_000].map(span);
    let said = [
        "-5 s",
        "0 s",
        "179 s",
        "3 min 0 s",
        "119 min 59 s",
        "2 h 0 min",
        "47 h 59 min",
        "2 d 0 h",
        "9 d 6 h",
    ];
    assert_eq!(told, said);
}
