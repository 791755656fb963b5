// Package status is the one table from a crank.Kind to what each wire calls it.
package status

import (
	"net/http"

	"github.com/crank-platform/crank"
)

// Status is what a kind is called on each wire. GRPC is the code of the gRPC
// status protocol; RPC is the JSON-RPC error code, in the range that the
// protocol leaves to servers where it names none itself; Exit is the command
// line's exit code.
type Status struct {
	HTTP int
	GRPC uint32
	RPC  int
	Exit int
}

var table = map[crank.Kind]Status{
	crank.KindInternal:         {http.StatusInternalServerError, 13, -32603, 1},
	crank.KindInvalid:          {http.StatusUnprocessableEntity, 3, -32602, 1},
	crank.KindUnauthenticated:  {http.StatusUnauthorized, 16, -32001, 4},
	crank.KindDenied:           {http.StatusForbidden, 7, -32002, 5},
	crank.KindNotFound:         {http.StatusNotFound, 5, -32003, 3},
	crank.KindConflict:         {http.StatusConflict, 10, -32004, 1},
	crank.KindExhausted:        {http.StatusTooManyRequests, 8, -32005, 6},
	crank.KindDeadlineExceeded: {http.StatusGatewayTimeout, 4, -32006, 7},
	crank.KindUnavailable:      {http.StatusServiceUnavailable, 14, -32007, 8},
	crank.KindUnknownOutcome:   {http.StatusBadGateway, 2, -32008, 1},
	crank.KindUnimplemented:    {http.StatusNotImplemented, 12, -32601, 1},
	crank.KindCancelled:        {499, 1, -32009, 130},
}

// byCode holds the codes that a wire has a more exact word for.
var byCode = map[crank.Code]Status{
	crank.CodeMalformedJSON:   {http.StatusBadRequest, 3, -32700, 1},
	crank.CodeTooLarge:        {http.StatusRequestEntityTooLarge, 3, -32602, 1},
	crank.CodeMediaType:       {http.StatusUnsupportedMediaType, 3, -32602, 1},
	crank.CodeCapabilityName:  {http.StatusBadRequest, 3, -32602, 2},
	crank.CodeBudgetExhausted: {http.StatusPaymentRequired, 8, -32005, 6},
	crank.CodePriceCap:        {http.StatusPaymentRequired, 8, -32005, 6},
	crank.CodeUsage:           {http.StatusBadRequest, 3, -32602, 2},
	crank.CodeConfig:          {http.StatusBadRequest, 3, -32602, 2},
	crank.CodeWorkerFailed:    {http.StatusBadGateway, 13, -32603, 1},
	crank.CodeWorkerOutput:    {http.StatusBadGateway, 13, -32603, 1},
}

// Of returns what the wires call err; the zero error kind is internal.
func Of(err error) Status {
	e := crank.AsError(err)
	if s, ok := byCode[e.Code]; ok {
		return s
	}
	return table[e.Kind]
}

// OfKind returns what the wires call a kind.
func OfKind(k crank.Kind) Status { return table[k] }
