"""Estaleiro: what turns a folder of services into a running environment, one way from files to AWS.

    environments/*.toml, services/*/service.toml
            │ read and validated once
            ▼
       config (frozen, typed) ──> images (content tags) ──> stacks (templates) ──> desired ─┐
                                                                                           ├─> plan ──> execute ──> AWS, Docker
                                                AWS ──> snapshot (read only) ──> actual ────┘     │          │
                                                                                                 └────┬─────┘
                                                                                                   report ──> terminal, JSON, HTML

Who may touch what (kept by tests/test_architecture.py):

- config, images, stacks, plan, checks, report: pure; no network, clock or environment variable.
- aws/ holds the only boto3, docker.py the only Docker SDK, ssh.py the only Fabric, git.py the only git; each speaks in our words.
- snapshot reads AWS; it may create, read and delete update change sets, which change nothing.
- execute is the only one that changes what runs.
- local/ is the local cloud: it knows nothing of our stacks, and we talk to it as we talk to AWS.
- setup/ makes the machine ready with the standard library alone.
"""
