package runs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"

	"github.com/k6es/k6es/terminal"
)

// UnknownRunError is a reference to a run that is not there.
type UnknownRunError struct {
	Ref  string
	Why  string   // what is known of the reason; may be empty
	Near []string // runs that may be meant, as people know them
}

// Error says so, and which runs may be meant.
func (e *UnknownRunError) Error() string {
	text := fmt.Sprintf("unknown run %q", e.Ref)
	if e.Why != "" {
		text += ": " + e.Why
	}
	if len(e.Near) > 0 {
		text += ". Did you mean " + joinOr(e.Near) + "?"
	}
	return text
}

// AmbiguousRunError is a reference that fits several runs.
type AmbiguousRunError struct {
	Ref     string
	Matches []string // the newest of them, as people know them
	More    int      // how many others there are at least
}

// Error says which runs may be meant, and how to tell them apart.
func (e *AmbiguousRunError) Error() string {
	text := fmt.Sprintf("%q may be %s", e.Ref, joinOr(e.Matches))
	if e.More > 0 {
		text += ", or an older one"
	}
	return text + ". Name the run by its id, or by more of it"
}

func joinOr(words []string) string {
	text := words[0]
	for i, word := range words[1:] {
		if i == len(words)-2 {
			text += " or " + word
		} else {
			text += ", " + word
		}
	}
	return text
}

const (
	pinned    = "pinned"
	latest    = "latest"
	maxListed = 5         // runs that an error lists at most
	maxLooked = 2000      // runs among which near ones are looked for
	farthest  = 1_000_000 // N of latest~N
)

// Find returns the run that a reference means: an id, a name, a prefix of either that no other run has,
// "latest", "latest~N" (the Nth before it) or "pinned" (the newest one that is pinned). The error is an
// *UnknownRunError or an *AmbiguousRunError where the reference is wrong.
func (s *Store) Find(ctx context.Context, ref string) (*Document, error) {
	if ref == pinned {
		return s.nth(ctx, ref, Filter{Pinned: true}, 0)
	}
	if n, ok := parseLatest(ref); ok {
		return s.nth(ctx, ref, Filter{}, n)
	}
	id, err := s.identify(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, id)
}

// open reads a run with its parts, settled. What a killed k6 could not tell is counted.
func (s *Store) open(ctx context.Context, id string) (*Document, error) {
	d, err := s.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.recount(ctx, s.settle(ctx, d)), nil
}

// Counted says whether all that is known of the run's killed k6 processes is counted from their documents. Only a run
// that is partial has some.
func (d *Document) Counted() bool {
	return d.K6.Run.Partial && strings.HasSuffix(d.K6.Run.Reason, counted)
}

// parseLatest reads "latest" and "latest~N".
func parseLatest(ref string) (n int, ok bool) {
	if ref == latest {
		return 0, true
	}
	text, ok := strings.CutPrefix(ref, latest+"~")
	n, err := strconv.Atoi(text)
	return n, ok && err == nil && n >= 0 && n <= farthest
}

// nth is the run that n others of the filter are newer than.
func (s *Store) nth(ctx context.Context, ref string, f Filter, n int) (*Document, error) {
	f.Limit = n + 1
	found, err := s.List(ctx, f)
	switch {
	case err != nil:
		return nil, err
	case len(found) > n:
		return s.open(ctx, found[n].K6.Run.ID)
	case f.Pinned:
		return nil, &UnknownRunError{Ref: ref, Why: "no run is pinned"}
	case len(found) == 0:
		return nil, &UnknownRunError{Ref: ref, Why: "there is no run yet"}
	default:
		return nil, &UnknownRunError{Ref: ref, Why: fmt.Sprintf("there are only %d runs", len(found))}
	}
}

// identity is what of a run a reference is compared with.
var identity = []string{"k6.run.id", "k6.run.name", "k6.test"}

// identify finds the id of the run that is meant: what is named in full goes before what only begins so.
func (s *Store) identify(ctx context.Context, ref string) (string, error) {
	if ref == "" {
		return "", &UnknownRunError{Ref: ref}
	}
	if len(ref) > longestText {
		return "", &UnknownRunError{Ref: shortText(ref), Why: fmt.Sprintf("neither an id nor a name has %d bytes", len(ref))}
	}
	var unknown *UnknownRunError
	if d, err := s.Load(ctx, ref); err == nil {
		return d.K6.Run.ID, nil
	} else if !errors.As(err, &unknown) {
		return "", err
	}
	prefix := func(field string) any { return map[string]any{"prefix": map[string]any{field: ref}} }
	for _, query := range []any{
		term("k6.run.name", ref),
		map[string]any{"bool": map[string]any{"should": []any{prefix("k6.run.id"), prefix("k6.run.name")}}},
	} {
		found, err := s.list(ctx, query, maxListed+1, identity)
		switch {
		case err != nil:
			return "", err
		case len(found) == 1:
			return found[0].K6.Run.ID, nil
		case len(found) > 1:
			listed := found[:min(maxListed, len(found))]
			return "", &AmbiguousRunError{Ref: ref, Matches: labels(listed), More: len(found) - len(listed)}
		}
	}
	near, err := s.near(ctx, ref)
	if err != nil {
		return "", err
	}
	return "", &UnknownRunError{Ref: ref, Near: near}
}

// near lists runs whose name, test or id is hardly different, the nearest first.
func (s *Store) near(ctx context.Context, ref string) ([]string, error) {
	all, err := s.list(ctx, map[string]any{"match_all": map[string]any{}}, maxLooked, identity)
	if err != nil {
		return nil, err
	}
	far := max(2, len(ref)/3) + 1
	distances := map[*Document]int{}
	var found []*Document
	for _, d := range all {
		distances[d] = d.distance(ref)
		if distances[d] < far {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b *Document) int { return cmp.Compare(distances[a], distances[b]) })
	return append(nearWords(ref), labels(found[:min(maxListed, len(found))])...), nil
}

// nearWords are the words for runs that a reference is hardly different from.
func nearWords(ref string) []string {
	var words []string
	for _, word := range []string{latest, pinned} {
		if levenshtein.ComputeDistance(ref, word) <= 2 {
			words = append(words, word)
		}
	}
	return words
}

// distance is how many letters a reference differs from what the run is called, or from its beginning.
func (d *Document) distance(ref string) int {
	ref = strings.ToLower(ref)
	least := len(ref)
	for _, text := range []string{d.K6.Run.ID, d.K6.Run.Name, d.K6.Test, d.title()} {
		text = strings.ToLower(text)
		least = min(least, levenshtein.ComputeDistance(ref, text))
		if len(text) > len(ref) {
			least = min(least, levenshtein.ComputeDistance(ref, text[:len(ref)]))
		}
	}
	return least
}

// title is what people call the run: its test and its name.
func (d *Document) title() string {
	if strings.HasPrefix(d.K6.Run.Name, d.K6.Test+" ") || d.K6.Run.Name == d.K6.Test {
		return d.K6.Run.Name
	}
	return strings.TrimSpace(d.K6.Test + " " + d.K6.Run.Name)
}

// Label is what people are told a run is: its test, its name and the beginning of its id.
func (d *Document) Label() string { return labels([]*Document{d})[0] }

// ShortID is the beginning of the run's id, as ShortIDs has it.
func (d *Document) ShortID() string { return ShortIDs([]string{d.K6.Run.ID})[0] }

// How much of an id people are shown, in bytes, where that tells those that are shown apart.
const (
	shortID = 8
	// Ids of version 7 begin with the time: 48 bits of milliseconds, in 12 digits and a hyphen. Fewer are the same
	// in runs that are a minute apart.
	shortTimedID = 13
)

// timedID is the beginning of a UUID of version 7.
var timedID = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7`)

// ShortIDs are the beginnings of run ids by which people, and Find, tell runs apart: those that are given, and of ids
// of version 7 all that did not begin within the same millisecond.
func ShortIDs(ids []string) []string {
	short := make([]string, len(ids))
	for i, id := range ids {
		length := shortID
		if timedID.MatchString(id) {
			length = shortTimedID
		}
		for _, other := range ids {
			if other != id {
				length = max(length, common(id, other)+1)
			}
		}
		length = min(length, len(id))
		for length < len(id) && !utf8.RuneStart(id[length]) {
			length++
		}
		short[i] = id[:length]
	}
	return short
}

// IDs are the ids of runs.
func IDs(all []*Document) []string {
	ids := make([]string, len(all))
	for i, d := range all {
		ids[i] = d.K6.Run.ID
	}
	return ids
}

// labels name runs so that they can be told apart.
func labels(all []*Document) []string {
	texts := ShortIDs(IDs(all))
	for i, d := range all {
		texts[i] = terminal.Line(d.title() + " (" + texts[i] + ")")
	}
	return texts
}

// common is how many bytes two texts have in common at their beginning.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
