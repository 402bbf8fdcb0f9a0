//! Work done ahead by two threads, its results taken in order. Start at [`ahead`].

use std::sync::mpsc;

/// Frames are decompressed by so many threads; a third one takes what comes out.
const THREADS: usize = 2;

/// Runs `work` on each of `jobs`, up to four ahead, and hands the results to `take` in the order of the jobs. The first error of
/// either ends it.
pub(super) fn ahead<J: Send, R: Send, E: Send>(
    jobs: Vec<J>,
    work: impl Fn(J) -> Result<R, E> + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let count = jobs.len();
    let mut shares: [Vec<J>; THREADS] = Default::default();
    for (job, at) in jobs.into_iter().zip((0..THREADS).cycle()) {
        if let Some(share) = shares.get_mut(at) {
            share.push(job);
        }
    }
    std::thread::scope(|scope| {
        let work = &work;
        let results = shares.map(|share| {
            let (give, results) = mpsc::sync_channel(1);
            scope.spawn(move || {
                // Sending fails when nobody takes any more.
                share.into_iter().try_for_each(|job| give.send(work(job)).ok())
            });
            results
        });
        for from in results.iter().cycle().take(count) {
            // A thread that panicked sends nothing; the scope passes the panic on.
            let Ok(result) = from.recv() else { break };
            take(result?)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
