package kibana

import (
	"bytes"
	"fmt"
)

// lineWidth is how long a line of a file may get before its value is spread over several.
const lineWidth = 110

// Format writes attributes as their file holds them: keys sorted, two spaces for each level, and on one
// line whatever fits there. The same attributes always give the same bytes.
func Format(attributes map[string]any) ([]byte, error) {
	var out bytes.Buffer
	if err := write(&out, attributes, 0, 0); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// write appends a value; column is how much of its first line is taken already.
func write(out *bytes.Buffer, value any, depth, column int) error {
	short, err := inline(value)
	if err != nil {
		return err
	}
	if column+len(short) <= lineWidth && depth > 0 {
		out.Write(short)
		return nil
	}
	switch value := value.(type) {
	case map[string]any:
		return writeAll(out, '{', '}', len(value), depth, func(i int) error {
			key := sortedKeys(value)[i]
			name, err := inline(key)
			if err != nil {
				return err
			}
			out.Write(name)
			out.WriteString(": ")
			return write(out, value[key], depth+1, 2*(depth+1)+len(name)+3)
		})
	case []any:
		return writeAll(out, '[', ']', len(value), depth, func(i int) error {
			return write(out, value[i], depth+1, 2*(depth+1)+1)
		})
	default:
		out.Write(short)
		return nil
	}
}

func writeAll(out *bytes.Buffer, open, end byte, count, depth int, element func(i int) error) error {
	out.WriteByte(open)
	for i := range count {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(out, "\n%*s", 2*(depth+1), "")
		if err := element(i); err != nil {
			return err
		}
	}
	if count > 0 {
		fmt.Fprintf(out, "\n%*s", 2*depth, "")
	}
	out.WriteByte(end)
	return nil
}

// inline is a value on one line, with a space after each comma and colon.
func inline(value any) ([]byte, error) {
	switch value := value.(type) {
	case map[string]any:
		return inlineAll('{', '}', len(value), func(i int) ([]byte, error) {
			key := sortedKeys(value)[i]
			name, err := inline(key)
			if err != nil {
				return nil, err
			}
			text, err := inline(value[key])
			return append(append(name, ": "...), text...), err
		})
	case []any:
		return inlineAll('[', ']', len(value), func(i int) ([]byte, error) { return inline(value[i]) })
	default:
		return compact(value)
	}
}

func inlineAll(open, end byte, count int, element func(i int) ([]byte, error)) ([]byte, error) {
	out := []byte{open}
	for i := range count {
		if i > 0 {
			out = append(out, ", "...)
		}
		text, err := element(i)
		if err != nil {
			return nil, err
		}
		out = append(out, text...)
	}
	return append(out, end), nil
}
