use super::*;

#[test]
fn results_come_in_order_and_the_first_error_ends_it() {
    let mut taken = Vec::new();
    let work = |it: u32| if it == 70 { Err("seventy") } else { Ok(it * 2) };
    let outcome = ahead((0..100).collect(), work, |it| {
        taken.push(it);
        Ok(())
    });
    assert_eq!(outcome, Err("seventy"));
    assert_eq!(taken, (0..70).map(|it| it * 2).collect::<Vec<_>>());
    let refused = ahead((0..100).collect(), Ok, |it: u32| if it < 3 { Ok(()) } else { Err("enough") });
    assert_eq!(refused, Err("enough"));
    assert_eq!(ahead(Vec::<u32>::new(), Ok::<u32, ()>, |_| Err(())), Ok(()));
}
