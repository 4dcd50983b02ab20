package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/k6es/k6es/runs"
	"github.com/k6es/k6es/runs/compare"
)

type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name      string     `xml:"name,attr"`
	Tests     int        `xml:"tests,attr"`
	Failures  int        `xml:"failures,attr"`
	Errors    int        `xml:"errors,attr"`
	Skipped   int        `xml:"skipped,attr"`
	Timestamp string     `xml:"timestamp,attr"`
	Cases     []testCase `xml:"testcase"`
	Output    string     `xml:"system-out,omitempty"`
}

type testCase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Failure *message `xml:"failure"`
	Skipped *message `xml:"skipped"`
	Output  string   `xml:"system-out,omitempty"`
}

type message struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes a comparison as a JUnit report: a test case for each value, which fails if the value became
// worse and is skipped if it could not be judged.
func JUnit(w io.Writer, c *runs.Comparison) error {
	s := suite{
		Name: "k6es compare " + printable(c.Test), Timestamp: c.Contender.Start.UTC().Format("2006-01-02T15:04:05"),
		Output: printable(strings.Join(c.Report.Warnings, "; ")),
	}
	for _, row := range c.Report.Rows {
		s.Cases = append(s.Cases, testOf(c.Test, row))
		if row.Verdict == compare.Worse {
			s.Failures++
		}
	}
	for _, u := range c.Report.NotJudged {
		test := newTest(c.Test, u.Key, u.Percentile)
		test.Skipped = &message{Message: "not judged: " + printable(u.Reason)}
		s.Cases = append(s.Cases, test)
	}
	s.Skipped, s.Tests = len(c.Report.NotJudged), len(s.Cases)

	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	err := encoder.Encode(suites{Name: "k6es compare", Tests: s.Tests, Failures: s.Failures, Skipped: s.Skipped, Suites: []suite{s}})
	if err != nil {
		return fmt.Errorf("encoding the JUnit report: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}

func newTest(test string, key compare.Key, percentile float64) testCase {
	class := "k6es." + printable(test)
	if key.Scope != compare.WholeRun {
		class += "." + key.Scope.String()
	}
	return testCase{Class: class, Name: printable(runs.RowLabel(key, percentile))}
}

func testOf(name string, row compare.Row) testCase {
	test := newTest(name, row.Key, row.Percentile)
	text := story(row)
	if row.Verdict == compare.Worse {
		test.Failure = &message{Message: text, Type: "worse", Text: text}
	} else {
		test.Output = fmt.Sprintf("%s: %s", row.Verdict, text)
	}
	return test
}

// story tells a row in one line.
func story(row compare.Row) string {
	text := fmt.Sprintf("%s → %s (%s", Value(row, row.Baseline), Value(row, row.Contender), runs.Difference(row.Unit, row.Diff))
	if band := noise(row); band != "" {
		text += ", noise " + band
	}
	text += ")"
	if row.Reason != "" {
		text += ", " + printable(row.Reason)
	}
	return text
}
