package mappings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// flat is a JSON document as its scalars by dotted path, all as text: servers give back settings as
// strings. Empty objects and arrays leave no trace, so defaults that a server adds do not count.
type flat map[string]string

func flatten(document []byte) (flat, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("read a template: %w", err)
	}
	leaves := flat{}
	leaves.add("", value)
	return leaves, nil
}

func (f flat) add(path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			f.add(join(path, key), below)
		}
	case []any:
		for i, below := range value {
			f.add(join(path, strconv.Itoa(i)), below)
		}
	case nil:
	default:
		f[path] = fmt.Sprint(value)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (f flat) number(path string, otherwise int) int {
	if n, err := strconv.Atoi(f[path]); err == nil {
		return n
	}
	return otherwise
}

func (f flat) has(value string) bool {
	return slices.Contains(slices.Collect(maps.Values(f)), value)
}

// serverKeys are what newer servers add to a template of their own accord.
var serverKeys = []string{"created_date", "modified_date"}

// firstDifference says in words where installed is other than f, in the order of the paths; empty
// when they are the same.
func (f flat) firstDifference(installed flat) string {
	all := maps.Clone(f)
	maps.Copy(all, installed)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		ours, wanted := f[path]
		theirs, present := installed[path]
		switch {
		case ours == theirs && wanted == present:
		case !present:
			return fmt.Sprintf("%s is missing", path)
		case !wanted && !ofServer(path):
			return fmt.Sprintf("%s was added", path)
		case wanted:
			return fmt.Sprintf("%s is %s, not %s", path, theirs, ours)
		}
	}
	return ""
}

func ofServer(path string) bool {
	return slices.ContainsFunc(serverKeys, func(key string) bool { return strings.HasPrefix(path, key) })
}
