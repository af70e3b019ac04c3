"""A task's volumes on the engine: paths of the host, names shared by all tasks, names of the task alone."""

from __future__ import annotations

from typing import Any

from infra.local.ecs.subject import Site, Subject, engine_name


def mounts(subject: Subject, site: Site) -> dict[str, Any]:
    found = sources(subject, site)
    binds = [f"{site.trust}:{site.trust_mount}:ro"] if site.trust else []
    for mount in subject.container.get("mountPoints") or []:
        mode = "ro" if mount.get("readOnly") else "rw"
        binds.append(f"{found[mount['sourceVolume']]}:{mount['containerPath']}:{mode}")
    donors = [
        f"{engine_name(subject, site, item['sourceContainer'])}:{'ro' if item.get('readOnly') else 'rw'}"
        for item in subject.container.get("volumesFrom") or []
    ]
    return {"volumes": binds or None, "volumes_from": donors or None}


def sources(subject: Subject, site: Site) -> dict[str, str]:
    """Return what to mount by volume name: a path of the host, or a named volume of the task or shared by all tasks."""
    found = {}
    for volume in subject.definition.get("volumes") or []:
        name = volume["name"]
        docker = volume.get("dockerVolumeConfiguration") or {}
        efs = volume.get("efsVolumeConfiguration") or {}
        path = (volume.get("host") or {}).get("sourcePath")
        if path:
            found[name] = path
        elif efs:
            found[name] = f"{site.cloud}-{efs['fileSystemId']}"
        elif docker.get("scope") == "shared":
            found[name] = f"{site.cloud}-{name}"
        else:
            found[name] = f"{site.cloud}-{subject.task_id}-{name}"
    return found


def own(subject: Subject, site: Site) -> list[str]:
    """Return the names of the volumes that go with the task."""
    return [
        name
        for name in sources(subject, site).values()
        if subject.task_id in name and not name.startswith("/")
    ]
