package mail_test

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/crank-platform/crank/format/mail"
)

// Read an mbox message by message, and store what is attached.
func ExampleOpen() {
	f, err := os.Open("testdata/sample.mbox")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	store := func(part *mail.Part, content io.Reader) error {
		if part.Disposition == "attachment" {
			n, err := io.Copy(io.Discard, content) // into a blob store
			fmt.Printf("  %s, %d octets\n", part.Name, n)
			return err
		}
		return nil
	}
	for archive := mail.Open(f); ; {
		entry, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		email, err := mail.Parse(entry, mail.Options{Sink: store})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s\n", email.From[0].Email, email.Subject)
	}
	// Output:
	// desk@shop.example.org: Your order 1842 is on its way
	// news@example.org: Frühling im Café: drei neue Kuchen
	//   pläne 2025.csv, 28 octets
	// office@example.org: Floor plan
	// team@example.org: Re: Floor plan
	// office@example.org: RE: [plans] Floor plan
	//   question.eml, 488 octets
	// desk@example.org: Fwd: question about the invoice
}

func ExampleThreads() {
	for _, thread := range mail.Threads([]mail.ThreadItem{
		{MessageID: "1@example.org", Subject: "Lunch"},
		{MessageID: "3@example.org", Subject: "Re: Lunch", References: []string{"1@example.org", "2@example.org"}},
		{MessageID: "4@example.org", Subject: "Other"},
	}, mail.ThreadOptions{}) {
		fmt.Println(thread.Subject, len(thread.Nodes))
	}
	// Output:
	// lunch 2
	// other 1
}
