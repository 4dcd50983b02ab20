// Package ci finds out where a run came from: the pipeline that started it and the revision that it
// ran at. What the user says comes first, then the variables of the CI system, then git.
//
// It never fails and it never asks a server: a fact that cannot be had is empty. Credentials are
// taken off every address before it leaves this package.
package ci
