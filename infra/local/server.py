"""The local cloud's one long-lived process: MiniStack with our extensions, served on our addresses alone.

The halves plug in here, and only here. A half (`infra.local.ecs`, `infra.local.elb`, `infra.local.rds`, …) is a module with
  install(settings)   called once, before any request: registers handlers, replaces functions of the pin;
  async start()       called when the saved state is back, before the doors open: brings its containers back;
  async stop()        called on SIGTERM, before the last save.
`infra.local.elb` also gives two ASGI applications: `public` (the edge port) and `internal` (port 80 of the network's gateway).
"""
