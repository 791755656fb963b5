package child

// Dir is the child's working folder: the one place, besides WritePaths, that it
// may write to.
func (p *Proc) Dir() string { return p.r.spec.Dir }
