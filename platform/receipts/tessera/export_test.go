package tessera

// Drivers are those that can write a log on this system, by name.
var Drivers = map[string]openDriver{"native": nativeDriver, "portable": portableDriver}

// Driven returns c with a driver of Drivers.
func Driven(c Config, name string) Config {
	c.driver = Drivers[name]
	return c
}
