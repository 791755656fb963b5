package crank

import "sort"

// Code is a stable name of one kind of failure, "CRK-nnnn". A code is never
// reused or renumbered. The first digit groups them: 1 the call's own content,
// 2 identity and policy, 3 money, 4 workers and routing, 5 records and storage,
// 6 administration, 9 Crank itself.
type Code string

// About is what the table says of a code.
type About struct {
	Kind      Kind
	Title     string // a sentence, the same for every occurrence
	Mend      string // what the reader can do
	Retryable bool   // the same call may succeed later, unchanged
}

// The codes.
const (
	CodeInvalidInput     Code = "CRK-1001"
	CodeMalformedJSON    Code = "CRK-1002"
	CodeTooLarge         Code = "CRK-1003"
	CodeMediaType        Code = "CRK-1004"
	CodeCapabilityName   Code = "CRK-1005"
	CodeUnsafeContent    Code = "CRK-1006"
	CodeMalformedFile    Code = "CRK-1007"
	CodeTooDeep          Code = "CRK-1008"
	CodeUnsupported      Code = "CRK-1009"
	CodeConstraint       Code = "CRK-1010"
	CodeBlobDigest       Code = "CRK-1011"
	CodeEncryptedFile    Code = "CRK-1012"
	CodeUnauthenticated  Code = "CRK-2001"
	CodeKeyRevoked       Code = "CRK-2002"
	CodeTokenInvalid     Code = "CRK-2003"
	CodeDenied           Code = "CRK-2101"
	CodeRoleMissing      Code = "CRK-2102"
	CodePolicyBundle     Code = "CRK-2103"
	CodePolicyFailed     Code = "CRK-2104"
	CodeMoneyFormat      Code = "CRK-3001"
	CodeMoneyRange       Code = "CRK-3002"
	CodeBudgetExhausted  Code = "CRK-3101"
	CodePriceCap         Code = "CRK-3102"
	CodeQuoteExpired     Code = "CRK-3103"
	CodePlanInvalid      Code = "CRK-3104"
	CodeHoldState        Code = "CRK-3105"
	CodeUnknownCap       Code = "CRK-4001"
	CodeNoOffer          Code = "CRK-4002"
	CodeWorkerFailed     Code = "CRK-4003"
	CodeWorkerOutput     Code = "CRK-4004"
	CodeWorkerLimit      Code = "CRK-4005"
	CodeWorkerGone       Code = "CRK-4006"
	CodeDeadline         Code = "CRK-4007"
	CodeCancelled        Code = "CRK-4008"
	CodeOverloaded       Code = "CRK-4009"
	CodeUnknownOutcome   Code = "CRK-4010"
	CodeManifest         Code = "CRK-4011"
	CodeJournalFull      Code = "CRK-5001"
	CodeJournal          Code = "CRK-5002"
	CodeReceiptUnknown   Code = "CRK-5003"
	CodeReceiptTampered  Code = "CRK-5004"
	CodeIdempotencyClash Code = "CRK-5005"
	CodeBlobUnknown      Code = "CRK-5006"
	CodeTicket           Code = "CRK-5007"
	CodeJobUnknown       Code = "CRK-5008"
	CodeDataDirLocked    Code = "CRK-5009"
	CodeStore            Code = "CRK-5010"
	CodeRollback         Code = "CRK-5011"
	CodeNotFound         Code = "CRK-6001"
	CodeExists           Code = "CRK-6002"
	CodeConfig           Code = "CRK-6003"
	CodeSecret           Code = "CRK-6004"
	CodeUsage            Code = "CRK-6005"
	CodeInternal         Code = "CRK-9001"
	CodeUnimplemented    Code = "CRK-9002"
	CodeDraining         Code = "CRK-9003"
)

var codes = map[Code]About{
	CodeInvalidInput:     {KindInvalid, "The input does not fit the capability's schema.", "Correct the named fields; `crank capabilities NAME` prints the schema.", false},
	CodeMalformedJSON:    {KindInvalid, "The body is not well-formed JSON.", "Send one JSON value with unique keys, at most 512 levels deep.", false},
	CodeTooLarge:         {KindInvalid, "The input is larger than the capability accepts.", "Send less, or split the input.", false},
	CodeMediaType:        {KindInvalid, "The capability does not read this media type.", "Send one of the media types it names.", false},
	CodeCapabilityName:   {KindInvalid, "The name is not a capability.", "Write family/verb or family/verb@major in small letters, such as document/convert@1.", false},
	CodeUnsafeContent:    {KindInvalid, "The file would expand beyond what is safe to read.", "Send a file without nested archives or entity tricks.", false},
	CodeMalformedFile:    {KindInvalid, "The file is damaged or is not of the type it claims.", "Check that the file opens elsewhere and send it again.", false},
	CodeTooDeep:          {KindInvalid, "The input is nested deeper than is safe to read.", "Send an input with fewer levels.", false},
	CodeUnsupported:      {KindInvalid, "The worker cannot do this to this input.", "Choose one of the values that the message names.", false},
	CodeConstraint:       {KindInvalid, "A constraint of the call is out of range.", "Correct the named constraint.", false},
	CodeBlobDigest:       {KindInvalid, "The bytes do not match their digest.", "Send the bytes again.", true},
	CodeEncryptedFile:    {KindInvalid, "The file is encrypted.", "Remove its password and send it again.", false},
	CodeUnauthenticated:  {KindUnauthenticated, "The caller is not known.", "Send a valid key as `Authorization: Bearer <key>`.", false},
	CodeKeyRevoked:       {KindUnauthenticated, "The key is no longer valid.", "Ask for a new key: `crank keys create`.", false},
	CodeTokenInvalid:     {KindUnauthenticated, "The token does not verify.", "Get a new token from your identity provider.", false},
	CodeDenied:           {KindDenied, "Policy does not allow this call.", "Ask the owner of the policy; the receipt or log names the rule.", false},
	CodeRoleMissing:      {KindDenied, "The caller's roles do not allow this.", "Ask an administrator of the tenant for the named role.", false},
	CodePolicyBundle:     {KindInvalid, "The policy bundle does not load; the one before it keeps serving.", "Correct the named line.", false},
	CodePolicyFailed:     {KindUnavailable, "The policy could not be evaluated, so the call is refused.", "Try again; if it persists, run `crank policy test`.", true},
	CodeMoneyFormat:      {KindInvalid, "The amount cannot be read.", "Write an amount and an asset, such as 12.50 USD.", false},
	CodeMoneyRange:       {KindInvalid, "The amount is out of range.", "Use an amount between 0 and 9,223,372,036,854.775807.", false},
	CodeBudgetExhausted:  {KindExhausted, "A budget on the caller's path has too little left.", "Raise the named budget (`crank budget set`) or wait for its next period.", false},
	CodePriceCap:         {KindExhausted, "No offer is as cheap as the call asks.", "Raise the call's maximum price.", false},
	CodeQuoteExpired:     {KindConflict, "The quote has expired.", "Ask for a new quote.", false},
	CodePlanInvalid:      {KindInvalid, "The price plan is not valid.", "Correct the named part of the plan.", false},
	CodeHoldState:        {KindConflict, "The hold has ended already.", "Use a new reference.", false},
	CodeUnknownCap:       {KindNotFound, "No such capability is known here.", "`crank capabilities` lists them.", false},
	CodeNoOffer:          {KindUnavailable, "No worker offers the capability under these constraints just now.", "`crank route explain` names each candidate and why it lost.", true},
	CodeWorkerFailed:     {KindInternal, "The worker failed.", "Read the worker's message; the call was not charged unless the receipt says so.", false},
	CodeWorkerOutput:     {KindInternal, "The worker's answer does not fit its own contract.", "Tell the worker's owner.", false},
	CodeWorkerLimit:      {KindExhausted, "The worker went past a limit of the operation and was stopped.", "Send a smaller input, or raise the operation's limits.", false},
	CodeWorkerGone:       {KindUnavailable, "The worker could not be reached.", "Try again.", true},
	CodeDeadline:         {KindDeadlineExceeded, "The deadline passed.", "Allow more time.", true},
	CodeCancelled:        {KindCancelled, "The call was cancelled.", "Call again if the result is still wanted.", false},
	CodeOverloaded:       {KindExhausted, "Too many calls are under way.", "Try again after the time named.", true},
	CodeUnknownOutcome:   {KindUnknownOutcome, "The node stopped while the call was under way; the work may have been done.", "Check the effect; to run it again use a new idempotency key.", false},
	CodeManifest:         {KindInvalid, "The worker's manifest is not valid.", "Correct the named keys.", false},
	CodeJournalFull:      {KindUnavailable, "The disk that holds the journal is full, so no call is accepted.", "Free disk space; the node recovers by itself.", true},
	CodeJournal:          {KindUnavailable, "The journal cannot be written, so no call is accepted.", "See the node's log; `crank doctor` checks the data directory.", true},
	CodeReceiptUnknown:   {KindNotFound, "No such receipt.", "`crank receipts` lists those you may see.", false},
	CodeReceiptTampered:  {KindConflict, "The record does not verify.", "Keep the data directory as it is, compare it with a backup and with your anchors.", false},
	CodeIdempotencyClash: {KindConflict, "This idempotency key was used with another input.", "Use a new key for a new call.", false},
	CodeBlobUnknown:      {KindNotFound, "No such blob.", "Upload it again.", false},
	CodeTicket:           {KindDenied, "The ticket is not valid for this blob.", "Ask for a new ticket.", false},
	CodeJobUnknown:       {KindNotFound, "No such job.", "`crank jobs` lists those you may see.", false},
	CodeDataDirLocked:    {KindUnavailable, "Another node uses this data directory.", "Stop it, talk to it, or choose another directory with --data-dir.", false},
	CodeStore:            {KindUnavailable, "The node's storage failed.", "See the node's log; `crank doctor` checks the data directory.", true},
	CodeRollback:         {KindConflict, "The data directory is older than a checkpoint that was published from it.", "Restore the newest copy, or start a new log epoch with `crank restore`.", false},
	CodeNotFound:         {KindNotFound, "There is no such thing, or it is not yours.", "Check the name.", false},
	CodeExists:           {KindConflict, "It exists already.", "Choose another name.", false},
	CodeConfig:           {KindInvalid, "The configuration is not valid.", "Correct the named keys; `crank config explain` lists them all.", false},
	CodeSecret:           {KindInvalid, "The secret cannot be used.", "Set it again: `crank secrets set NAME` reads it from standard input.", false},
	CodeUsage:            {KindInvalid, "The command cannot be read.", "Add --help to see its usage.", false},
	CodeInternal:         {KindInternal, "Something went wrong inside Crank.", "Report it with the call's id.", false},
	CodeUnimplemented:    {KindUnimplemented, "This is not to be had here.", "See the documentation for what is.", false},
	CodeDraining:         {KindUnavailable, "The node is shutting down.", "Try again, or another node.", true},
}

// About returns what the table says; a code outside it is CodeInternal's.
func (c Code) About() About {
	if a, ok := codes[c]; ok {
		return a
	}
	return codes[CodeInternal]
}

// Codes lists the whole table in order.
func Codes() []Code {
	all := make([]Code, 0, len(codes))
	for c := range codes {
		all = append(all, c)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}
