package client

import (
	"context"
	"crypto/sha256"
	"io"
	"net/http"

	"github.com/crank-platform/crank"
)

// PutBlob uploads bytes to the caller's tenant.
func (c *Client) PutBlob(ctx context.Context, from io.Reader, mediaType, name string) (ref crank.BlobRef, err error) {
	if mediaType == "" {
		mediaType = "application/octet-stream"
	}
	resp, err := c.send(ctx, http.MethodPost, "/v1/blobs", nil, http.Header{"Content-Type": {mediaType}}, from)
	if err != nil {
		return ref, err
	}
	defer resp.Body.Close()
	err = c.read(ctx, resp, &ref)
	ref.MediaType, ref.Name = mediaType, name
	return ref, err
}

// GetBlob writes a blob to to and checks its digest: CodeBlobDigest when the
// bytes are others, which to has by then.
func (c *Client) GetBlob(ctx context.Context, d crank.Digest, to io.Writer) (int64, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/blobs/"+d.String(), nil, nil, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(to, hash), resp.Body)
	if err != nil {
		return n, c.broken(ctx, http.MethodGet, err)
	}
	if crank.Digest(hash.Sum(nil)) != d {
		return n, crank.E(crank.CodeBlobDigest, "the node sent other bytes than %s", d)
	}
	return n, nil
}
