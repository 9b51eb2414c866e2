package jobs

import (
	"encoding/json"
	"net/http"

	"berth/internal/job"
	"berth/internal/problem"
	"berth/internal/web/kit"
)

// begin starts a planned job. A delete of many goes by destroy, which wants the password again.
func (p *Pages) begin(w http.ResponseWriter, r *http.Request) error {
	j, err := p.o.Store.Job(r.Context(), ownerOf(r), idOf(r))
	if err != nil {
		return err
	}
	if isDelete(j) {
		return problem.New(problem.Invalid, "A job that deletes is not begun this way.", "Open the job and begin it there.")
	}
	return p.told(w, r, p.o.Verbs.Begin(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), j.ID), "", kit.URL.Job(j.ID))
}

// destroy starts a planned delete, once its size was typed.
func (p *Pages) destroy(w http.ResponseWriter, r *http.Request) error {
	j, err := p.o.Store.Job(r.Context(), ownerOf(r), idOf(r))
	if err != nil {
		return err
	}
	if !isDelete(j) || j.State != job.Planned {
		return problem.New(problem.Conflict, "This job is not a delete that waits to be begun.", "Look at it as it is now.")
	}
	todos, err := p.todos(r.Context(), j)
	if err != nil {
		return err
	}
	if want := phrase(todos); r.PostFormValue("phrase") != want {
		return p.draw(w, r, http.StatusUnprocessableEntity, j, -1, problem.Field("phrase", "Type “"+want+"”."))
	}
	return p.told(w, r, p.o.Verbs.Begin(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), j.ID), "", kit.URL.Job(j.ID))
}

func (p *Pages) cancel(w http.ResponseWriter, r *http.Request) error {
	err := p.o.Verbs.Cancel(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), idOf(r))
	return p.told(w, r, err, "What had not begun is left undone.", kit.URL.Job(idOf(r)))
}

// retry plans what failed anew and leads to that plan.
func (p *Pages) retry(w http.ResponseWriter, r *http.Request) error {
	key := r.PostFormValue("key")
	if !kit.IsFormKey(key) {
		return problem.New(problem.Invalid, "The form has no mark of its own, by which what is sent twice is done once.", "Open the job anew and try again there.")
	}
	id, err := p.o.Verbs.Retry(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), idOf(r), "retry:"+string(idOf(r))+":"+key)
	if err != nil {
		return p.told(w, r, err, "", kit.URL.Job(idOf(r)))
	}
	return kit.Redirect(w, r, kit.URL.Job(id))
}

func (p *Pages) dismiss(w http.ResponseWriter, r *http.Request) error {
	n := stepOf(r)
	if n < 0 {
		return problem.Missing()
	}
	err := p.o.Verbs.Dismiss(r.Context(), kit.ViewerOf(r.Context()), idOf(r), n)
	return p.told(w, r, err, "Dismissed.", p.back(r, idOf(r)))
}

// force stops what a shutdown did not end, and leads to that job.
func (p *Pages) force(w http.ResponseWriter, r *http.Request) error {
	n := stepOf(r)
	if n < 0 {
		return problem.Missing()
	}
	id, err := p.o.Verbs.Force(r.Context(), kit.ViewerOf(r.Context()), kit.ClientAddr(r.Context()), idOf(r), n)
	if err != nil {
		return p.told(w, r, err, "", kit.URL.Job(idOf(r)))
	}
	return p.told(w, r, nil, "It is being stopped.", kit.URL.Job(id))
}

// back is where the form was; the job's page where it says nothing that could be.
func (p *Pages) back(r *http.Request, id job.ID) string {
	if to, ok := kit.LocalPath(r.PostFormValue("back")); ok {
		return to
	}
	return kit.URL.Job(id)
}

// told answers a button: where to go on, with what became of it as a toast. A script gets it as data.
func (p *Pages) told(w http.ResponseWriter, r *http.Request, err error, text, to string) error {
	wrong := problem.Of(err)
	switch {
	case err != nil && (wrong == nil || wrong.Kind == problem.NotFound || wrong.Kind == problem.NeedProof || wrong.Kind == problem.Invalid):
		return err // Invalid: no page has such a button
	case kit.Scripted(r) && err != nil:
		return kit.WriteError(w, r, kit.APIRoute, err, "")
	case kit.Scripted(r):
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(map[string]string{"text": text, "tone": string(kit.Success), "to": to})
	case err != nil:
		kit.Flash(w, r, kit.Toast{Kind: kit.Failure, Text: wrong.Sentence()})
	case text != "":
		kit.Flash(w, r, kit.Toast{Kind: kit.Success, Text: text})
	}
	return kit.Redirect(w, r, to)
}
