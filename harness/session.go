package harness

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"sync"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/schema"
)

// session is one call: what it may read, and what it has written.
type session struct {
	host   *Host
	op     *operation
	tenant string

	mu      sync.Mutex
	allowed map[crank.Digest]bool // blobs of the input and those put since
	left    int64                 // bytes that may still be put
	dir     string                // made when first asked for
}

var _ crank.Blobs = (*session)(nil)

// folder makes the call's own folder.
func (s *session) folder() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == "" {
		dir, err := os.MkdirTemp(s.host.Spool, "crank-call-")
		if err != nil {
			return "", crank.Wrap(crank.CodeStore, err, "no folder can be made for the call")
		}
		s.dir = dir
	}
	return s.dir, nil
}

func (s *session) clean() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}

// admit holds the input against the schema, unless the sender has done so against
// this very contract, and allows its blobs.
func (s *session) admit(input json.RawMessage, checked bool) error {
	var faults []schema.Fault
	var err error
	if !checked {
		faults, err = s.op.input.Check(input)
	}
	if err != nil {
		return crank.Wrap(crank.CodeMalformedJSON, err, "the input is not well-formed JSON")
	}
	if len(faults) > 0 {
		e := crank.E(crank.CodeInvalidInput, "the input does not fit %s", s.op.Capability)
		for _, f := range faults {
			e.Faults = append(e.Faults, crank.Fault{Path: f.Path, Reason: f.Reason})
		}
		return e
	}
	refs, err := crank.BlobRefs(input)
	if err != nil {
		return err
	}
	for _, r := range refs {
		s.allow(r.Digest)
	}
	return nil
}

func (s *session) allow(d crank.Digest) {
	if s.allowed == nil {
		s.allowed = map[crank.Digest]bool{}
	}
	s.allowed[d] = true
}

// release holds the output against schema and size; it may refer only to blobs
// that the call was given or has put itself.
func (s *session) release(output json.RawMessage) error {
	if s.op.output == nil && !json.Valid(output) {
		return crank.E(crank.CodeWorkerOutput, "%s answered something that is not JSON", s.host.manifest.Worker)
	}
	faults, err := s.op.output.Check(output)
	if err != nil {
		return crank.Wrap(crank.CodeWorkerOutput, err, "%s answered something that is not JSON", s.host.manifest.Worker)
	}
	if len(faults) > 0 {
		e := crank.E(crank.CodeWorkerOutput, "the answer does not fit the contract of %s", s.op.Capability)
		for _, f := range faults {
			e.Faults = append(e.Faults, crank.Fault{Path: f.Path, Reason: f.Reason})
		}
		return e
	}
	refs, err := crank.BlobRefs(output)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range refs {
		if !s.allowed[r.Digest] {
			return crank.E(crank.CodeWorkerOutput, "the answer refers to a blob that this call was not given and has not written")
		}
	}
	return nil
}

// Open streams a blob of the call, no more than the operation's input limit.
func (s *session) Open(ctx context.Context, ref crank.BlobRef) (io.ReadCloser, error) {
	s.mu.Lock()
	ok := s.allowed[ref.Digest]
	s.mu.Unlock()
	if !ok {
		return nil, crank.E(crank.CodeBlobUnknown, "the call has no blob %s", ref.Digest)
	}
	r, known, err := s.host.Blobs.Open(ctx, s.tenant, ref.Digest)
	if err != nil {
		return nil, err
	}
	if known.Size > s.op.Limits.InputBytes {
		r.Close()
		return nil, crank.E(crank.CodeTooLarge, "a file has %d bytes, %s takes at most %d", known.Size, s.op.Capability, s.op.Limits.InputBytes)
	}
	return r, nil
}

// Put keeps bytes, no more than the operation's output limit in all.
func (s *session) Put(ctx context.Context, r io.Reader, mediaType, name string) (crank.BlobRef, error) {
	s.mu.Lock()
	left := s.left
	s.mu.Unlock()
	limited := &io.LimitedReader{R: r, N: left + 1}
	ref, err := s.host.Blobs.Put(ctx, s.tenant, limited, crank.Digest{})
	if err != nil {
		return ref, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left -= ref.Size; s.left < 0 || limited.N <= 0 {
		return ref, crank.E(crank.CodeWorkerLimit, "%s wrote more than its limit of %d bytes", s.op.Capability, s.op.Limits.OutputBytes)
	}
	s.allow(ref.Digest)
	ref.MediaType, ref.Name = mediaType, name
	return ref, nil
}
