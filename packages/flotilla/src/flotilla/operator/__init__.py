"""The operator's verbs, each a function over a `World`: facts in, a plan as a value, then the steps. They raise
`FlotillaError` and return what the command line shows; none of them prints."""
