package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Bytes is a size in bytes.
type Bytes int64

// String writes the size in the largest binary unit that shows it exactly, as in 64MiB.
func (b Bytes) String() string {
	units := []string{"B", "KiB", "MiB", "GiB"}
	unit := 0
	for b != 0 && b%1024 == 0 && unit < len(units)-1 {
		b /= 1024
		unit++
	}
	return strconv.FormatInt(int64(b), 10) + units[unit]
}

// set writes a value into the option's field. The value is a string, a []string or a
// map[string]string, whatever its source could say. Errors show no secret.
func (o *Option) set(c *Config, value any) error {
	switch field := o.field(c).(type) {
	case *[]string:
		return o.setList(field, value)
	case *map[string]string:
		return o.setMap(field, value)
	default:
		text, ok := value.(string)
		if !ok {
			return errors.New("takes one value, not several")
		}
		return o.setScalar(field, text)
	}
}

func (o *Option) setList(field *[]string, value any) error {
	var list []string
	switch value := value.(type) {
	case string:
		list = splitCommas(value)
	case []string:
		for _, item := range value {
			list = append(list, splitCommas(item)...)
		}
	default:
		return errors.New("takes a list, not keys and values")
	}
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	list = slices.DeleteFunc(list, func(item string) bool { return item == "" })
	if len(list) == 0 {
		return errors.New("is empty")
	}
	if err := o.validateList(list); err != nil {
		return err
	}
	*field = list
	return nil
}

func (o *Option) validateList(list []string) error {
	for i, item := range list {
		err := o.validate(item)
		switch {
		case err == nil:
		case o.Address && holdsPassword(list...):
			return fmt.Errorf("number %d %w", i+1, err)
		default:
			return fmt.Errorf("%q %w", item, err)
		}
	}
	return nil
}

// setMap merges the pairs into what lower sources gave; an empty value removes the key.
func (o *Option) setMap(field *map[string]string, value any) error {
	pairs, err := o.pairs(value)
	if err != nil {
		return err
	}
	merged := maps.Clone(*field)
	for key, text := range pairs {
		if text == "" {
			delete(merged, key)
			continue
		}
		if err := o.validate(text); err != nil {
			return fmt.Errorf("%s %w", key, err)
		}
		if merged == nil {
			merged = make(map[string]string, len(pairs))
		}
		merged[key] = text
	}
	*field = merged
	return nil
}

func (o *Option) pairs(value any) (map[string]string, error) {
	var items []string
	switch value := value.(type) {
	case map[string]string:
		return value, nil
	case string:
		items = splitCommas(value)
	case []string:
		items = value
	}
	pairs := make(map[string]string, len(items))
	for _, item := range items {
		key, text, ok := strings.Cut(item, "=")
		key = strings.TrimSpace(key)
		switch {
		case strings.TrimSpace(item) == "":
		case ok && key != "":
			pairs[key] = text
		case o.Secret:
			return nil, errors.New(`takes key=value pairs (a comma inside a value is written \,)`)
		default:
			return nil, fmt.Errorf(`%q is not key=value (a comma inside a value is written \,)`, item)
		}
	}
	return pairs, nil
}

func (o *Option) setScalar(field any, text string) error {
	trimmed := strings.TrimSpace(text)
	var err error
	switch field := field.(type) {
	case *string:
		*field = text
	case *bool:
		*field, err = parseBool(trimmed)
	case *int:
		*field, err = parseInt(trimmed)
	case *time.Duration:
		*field, err = o.parseDuration(trimmed)
	case *Bytes:
		*field, err = parseBytes(trimmed)
	}
	if err == nil {
		err = o.validate(text)
	}
	if err == nil {
		return o.inRange(field, trimmed)
	}
	if o.Address && holdsPassword(text) {
		return err
	}
	return fmt.Errorf("%.100q %w", text, err) // no secret: those take any text
}

func (o *Option) validate(text string) error {
	if o.Choices != nil && !slices.Contains(o.Choices, text) {
		return fmt.Errorf("is not one of %s", strings.Join(o.Choices, ", "))
	}
	if o.valid != nil {
		return o.valid(text)
	}
	return nil
}

func (o *Option) inRange(field any, text string) error {
	below := o.Min != "" && o.compare(field, o.Min) < 0
	above := o.Max != "" && o.compare(field, o.Max) > 0
	switch {
	case (below || above) && o.Max != "":
		return fmt.Errorf("%s is out of range (%s to %s)", text, o.Min, o.Max)
	case below:
		return fmt.Errorf("%s is too small (at least %s)", text, o.Min)
	default:
		return nil
	}
}

// compare orders the field and a bound from the table; a bound of the wrong kind is caught by a test.
func (o *Option) compare(field any, bound string) int {
	switch field := field.(type) {
	case *int:
		limit, _ := parseInt(bound)
		return cmp.Compare(*field, limit)
	case *time.Duration:
		limit, _ := o.parseDuration(bound)
		return cmp.Compare(*field, limit)
	case *Bytes:
		limit, _ := parseBytes(bound)
		return cmp.Compare(*field, limit)
	default:
		return 0
	}
}

func parseBool(text string) (bool, error) {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, errors.New("is not true or false")
	}
	return value, nil
}

func parseInt(text string) (int, error) {
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New("is not a whole number")
	}
	return value, nil
}

// parseDuration refuses a number without a unit where it does not mean milliseconds: k6 takes them for that, and people
// for seconds.
func (o *Option) parseDuration(text string) (time.Duration, error) {
	number, err := strconv.ParseFloat(text, 64)
	switch bare := err == nil && math.Abs(number) < math.MaxInt64/1e6; {
	case bare && o.Millis:
		return time.Duration(number * float64(time.Millisecond)), nil
	case bare && number != 0:
		return 0, fmt.Errorf("has no unit: write %[1]ss or %[1]sms", text)
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("is not a duration (like 1s or 500ms)")
	}
	return value, nil
}

func parseBytes(text string) (Bytes, error) {
	size, err := humanize.ParseBytes(text)
	// ParseBytes reads 1,5MiB as 15MiB.
	if err != nil || size > math.MaxInt64 || strings.Contains(text, ",") {
		return 0, errors.New("is not a size (like 1MiB or 512KiB)")
	}
	return Bytes(size), nil
}

func validAddress(text string) error {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || (address.Scheme != "http" && address.Scheme != "https") {
		return errors.New("is not an address (like http://localhost:9200)")
	}
	return nil
}

func validProxy(text string) error {
	if validAddress(text) != nil {
		return errors.New("is not the address of a proxy (like http://proxy:3128)")
	}
	return nil
}

// prefixPattern leaves room for the longest name made from a prefix within the server's 255 bytes.
var prefixPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,199}$`)

func validPrefix(text string) error {
	if !prefixPattern.MatchString(text) {
		return errors.New("cannot begin an index name (lower-case letters, digits, - _ and ., beginning with a letter or a digit, at most 200)")
	}
	return nil
}

// maxName is the longest name, note or label, in bytes. Documents cut longer texts, and a name that was
// cut is another name.
const maxName = 8 << 10

func validName(text string) error {
	if len(text) > maxName {
		return fmt.Errorf("has %d bytes; %d are possible", len(text), maxName)
	}
	return nil
}

// splitCommas splits at commas; \, is a comma inside an item.
func splitCommas(text string) []string {
	var items []string
	var item strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], `\,`):
			item.WriteByte(',')
			i++
		case text[i] == ',':
			items = append(items, item.String())
			item.Reset()
		default:
			item.WriteByte(text[i])
		}
	}
	return append(items, item.String())
}
