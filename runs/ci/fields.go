package ci

// Fields are an origin's facts as a document has them, under the names of OpenTelemetry's semantic
// conventions, empty ones left out. OpenTelemetry has no name for cicd.provider.name and
// cicd.pipeline.run.number.
type Fields struct {
	CICD Delivery `json:"cicd,omitzero"`
	VCS  VCS      `json:"vcs,omitzero"`
}

// Delivery is the pipeline that started a run.
type Delivery struct {
	Provider Name     `json:"provider,omitzero"`
	Pipeline Pipeline `json:"pipeline,omitzero"`
}

// Pipeline is a pipeline, its run, and the task that ran k6.
type Pipeline struct {
	Name string      `json:"name,omitempty"`
	Run  PipelineRun `json:"run,omitzero"`
	Task Task        `json:"task,omitzero"`
}

// PipelineRun is one run of a pipeline.
type PipelineRun struct {
	ID     string `json:"id,omitempty"`
	Number string `json:"number,omitempty"`
	URL    URL    `json:"url,omitzero"`
}

// Task is one job or step of a pipeline run.
type Task struct {
	Name string  `json:"name,omitempty"`
	Run  TaskRun `json:"run,omitzero"`
}

// TaskRun is the page of a task.
type TaskRun struct {
	URL URL `json:"url,omitzero"`
}

// VCS is the revision that a run ran at.
type VCS struct {
	Provider   Name       `json:"provider,omitzero"`
	Ref        Ref        `json:"ref,omitzero"`
	Change     Change     `json:"change,omitzero"`
	Repository Repository `json:"repository,omitzero"`
}

// Ref is what ran, and what it is to be merged into.
type Ref struct {
	Head Head `json:"head,omitzero"`
	Base Name `json:"base,omitzero"`
}

// Head is a branch or tag (Type says which) and its revision.
type Head struct {
	Name     string `json:"name,omitempty"`
	Revision string `json:"revision,omitempty"`
	Type     string `json:"type,omitempty"`
}

// Change is a pull or merge request.
type Change struct {
	ID string `json:"id,omitempty"`
}

// Repository is a repository's address and name.
type Repository struct {
	Name string `json:"name,omitempty"`
	URL  URL    `json:"url,omitzero"`
}

// Name is an object that has only a name.
type Name struct {
	Name string `json:"name,omitempty"`
}

// URL is an address.
type URL struct {
	Full string `json:"full,omitempty"`
}

// The types of a head.
const (
	typeBranch = "branch"
	typeTag    = "tag"
)

// Fields are the facts as a document has them.
func (o Origin) Fields() Fields {
	head := Head{Revision: o.SHA}
	switch {
	case o.Tag != "":
		head.Name, head.Type = o.Tag, typeTag
	case o.Branch != "":
		head.Name, head.Type = o.Branch, typeBranch
	}
	return Fields{
		CICD: Delivery{
			Provider: Name{string(o.Provider)},
			Pipeline: Pipeline{
				Name: o.PipelineName,
				Run:  PipelineRun{ID: o.RunID, Number: o.RunNumber, URL: URL{o.RunURL}},
				Task: Task{Name: o.TaskName, Run: TaskRun{URL{o.TaskURL}}},
			},
		},
		VCS: VCS{
			Provider:   Name{o.forge()},
			Ref:        Ref{Head: head, Base: Name{o.BaseBranch}},
			Change:     Change{o.ChangeID},
			Repository: Repository{Name: o.RepositoryName, URL: URL{o.RepositoryURL}},
		},
	}
}

// Origin is the way back, from the fields of a document that was read.
func (f Fields) Origin() Origin {
	pipeline, head := f.CICD.Pipeline, f.VCS.Ref.Head
	origin := Origin{
		Provider:     Provider(f.CICD.Provider.Name),
		PipelineName: pipeline.Name, RunID: pipeline.Run.ID, RunNumber: pipeline.Run.Number,
		RunURL: pipeline.Run.URL.Full, TaskName: pipeline.Task.Name, TaskURL: pipeline.Task.Run.URL.Full,
		Branch: head.Name, SHA: head.Revision, ChangeID: f.VCS.Change.ID, BaseBranch: f.VCS.Ref.Base.Name,
		RepositoryURL: f.VCS.Repository.URL.Full, RepositoryName: f.VCS.Repository.Name,
	}
	if head.Type == typeTag {
		origin.Branch, origin.Tag = "", head.Name
	}
	return origin
}

// forges are the public ones, by host.
var forges = map[string]Provider{"github.com": GitHub, "gitlab.com": GitLab, "bitbucket.org": Bitbucket}

// forge is who keeps the repository, as far as its address or the CI system says so.
func (o Origin) forge() string {
	if forge, public := forges[host(o.RepositoryURL)]; public {
		return string(forge)
	}
	switch o.Provider {
	case GitHub, GitLab, Bitbucket:
		return string(o.Provider)
	default:
		return ""
	}
}
