// Package compare judges a run against earlier runs of the same test: which of its latencies,
// error rates and throughputs became worse or better, by more than matters and by more than equal
// runs differ anyway. It does no I/O, has no state and no randomness: the same runs give the same
// report, in whatever order the baseline is given.
//
// A run is one observation. Requests of one run are not independent of each other, and two runs
// of the same software differ by more than their requests show; so a test over requests finds
// almost every pair of equal runs different. The noise that counts is the one between runs.
//
// # Estimates
//
// Each run r gives one estimate θ_r per row, with a within-run variance w_r²:
//
//   - Percentiles of trends: θ = ln q(p) of the whole run. w² by sectioning: the run's b = 10
//     tenths, centred on the whole run's value, w² = Σ_j (ln q_j(p) − θ)² / (b(b−1)). It needs no
//     independence of the requests, as long as a tenth is long against what couples them. (S.
//     Asmussen, P. W. Glynn, Stochastic Simulation, 2007, III.5.) A percentile is not judged with
//     an empty tenth, or with fewer than five values of a tenth beyond it, n/10·(1−p) < 5: in
//     1,000 requests the 95th is the last one judged.
//   - Throughput: θ = ln(n/T) of n counts in T seconds, w² = 1/n, which is the variance of ln n
//     for a Poisson n. It is not taken from tenths: they measure the load profile's stages, which
//     are the same in every run. A run that counted nothing has half a count.
//   - Shares, such as the failed requests: Jeffreys' estimate θ = (k+½)/(n+1) of k in n, and w² =
//     θ(1−θ)/(n+2), mean and variance of the posterior of Jeffreys' prior Beta(½, ½). (H.
//     Jeffreys, Theory of Probability, 1961, III.)
//
// # Noise
//
// Over the K baseline runs with mean m, the variance from run to run is moderated towards a prior
// s0² worth d0 runs:
//
//	s² = (d0·s0² + Σ(θ_k − m)²) / (d0 + K − 1)
//
// (G. K. Smyth, Linear models and empirical Bayes methods, Stat. Appl. Genet. Mol. Biol. 3(1),
// 2004.) It is never below what runs show within themselves, s² ← max(s², (mean w_k² +
// w_new²)/2). Priors are s0 = 3 % for logarithms and 0.2 percentage points for shares, with d0 =
// 4. The contender is a new observation, so that its distance L = θ_new − m has the prediction
// error SE = s·√(1 + 1/K), and 95 % of equal runs fall into the band N = t(.975, d0+K−1)·SE
// around m.
//
// # Verdicts
//
//   - worse: L beyond N and beyond the least difference that matters, towards worse. That is |L|
//     > ln(1+δ), δ = 5 %, or 10 % from p99 upwards, and for milliseconds more than 1 ms too; for
//     shares it is half a percentage point.
//   - better: the mirror of worse, unless errors, checks, throughput or dropped iterations of the
//     whole run or of the same scenario or request are worse: who fails, or asks less, answers
//     faster.
//   - ?: beyond the least difference that matters, but not beyond N.
//   - ~: everything else.
//
// Dropped iterations are worse above 0.1 % of the iterations due, where no baseline run dropped
// any; where one did, their share is judged as other shares are.
//
// Verdicts on single requests hold only if they survive the procedure of Y. Benjamini and Y.
// Hochberg (J. R. Stat. Soc. B 57(1), 1995) at q = 0.05 over the two-sided p-values of all of
// them: 2·P(T > |L|/SE), T with d0+K−1 degrees of freedom. Alone, a request would get the verdict
// that it gets without correction.
//
// The report's verdict comes from the whole run, from metrics that the caller names, and from
// single requests that are still worse after the correction.
package compare
