package wire

import (
	"context"
	"errors"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/crank-platform/crank"
)

// toWire makes an error cross: the sentence for whoever reads Connect, and beside
// it the whole of what crosses (the cause does not) as CBOR in a BytesValue.
func (s *Server) toWire(err error) error {
	e := crank.AsError(err)
	wired := connect.NewError(connect.Code(s.Status(e)), errors.New(e.Message))
	bytes, err := enc.Marshal(e)
	if err != nil { // text and numbers; nothing in it can fail
		return wired
	}
	if detail, err := connect.NewErrorDetail(wrapperspb.Bytes(bytes)); err == nil {
		wired.AddDetail(detail)
	}
	return wired
}

// fromWire returns the error that the Server sent, or one of code that says it
// could not be reached. An end of the context is always that.
func fromWire(ctx context.Context, err error, code crank.Code, url string) error {
	wired, ok := errors.AsType[*connect.Error](err)
	if ok {
		for _, d := range wired.Details() {
			if e := sent(d); e != nil {
				return e
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case ok && wired.Code() == connect.CodeDeadlineExceeded:
		code = crank.CodeDeadline
	case ok && wired.Code() == connect.CodeCanceled:
		code = crank.CodeCancelled
	}
	return crank.Wrap(code, err, "%s did not answer", url)
}

func sent(d *connect.ErrorDetail) *crank.Error {
	message, err := d.Value()
	if err != nil {
		return nil
	}
	bytes, ok := message.(*wrapperspb.BytesValue)
	if !ok {
		return nil
	}
	var e crank.Error
	if err := dec.Unmarshal(bytes.GetValue(), &e); err != nil || e.Code == "" {
		return nil
	}
	return &e
}
