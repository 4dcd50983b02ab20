package elastic

import "regexp"

var nextSentence = regexp.MustCompile(`\. \p{Lu}`)

// Advice splits the text of an error of k6es into what happened, and what to do about it: sentences of their own
// behind the first one. Advice is empty where there is none.
func Advice(text string) (what, advice string) {
	end := nextSentence.FindStringIndex(text)
	if end == nil {
		return text, ""
	}
	return text[:end[0]], text[end[0]+len(". "):]
}
