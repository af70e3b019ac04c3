"""Configuration: what is read, how an environment is overlaid, and the sentence for every mistake."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.config import Config, Environment, environment_names, load
from infra.config.environment import architecture_of
from infra.errors import ConfigurationError
from tests.builders import ROOT, WEB, manifest, project_files, write_tree


def problems(root: Path, name: str = "local", *, like: str | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(root, name, like=like)
    return caught.value.problems


def project(tmp_path: Path, **changes: str) -> Path:
    return write_tree(tmp_path, project_files(**changes))


def test_a_small_project_is_read_whole(tmp_path: Path) -> None:
    config = load(project(tmp_path), "local")

    assert config.environment.project == "yard"
    assert [service.name for service in config.services] == ["gateway", "shop", "tokens"]
    assert config.issuer.name == "tokens"
    assert config.gateway.name == "gateway"


def test_an_environment_lies_over_base_key_by_key(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        base='project = "yard"\naccount = "000000000000"\nregion = "eu-west-1"\n[hosts]\nmin = 2\nmax = 5\n',
        local="[hosts]\nmax = 9\n",
    )

    hosts = load(root, "local").environment.hosts

    assert (hosts.min, hosts.max) == (2, 9)


def test_an_environment_changes_the_count_of_a_process(tmp_path: Path) -> None:
    root = project(tmp_path, local="[services.shop.processes.web]\ncount = 4\nmemory = 512\n")

    web = load(root, "local").service("shop").processes["web"]

    assert (web.desired, web.memory, web.cpu) == (4, 512, 128)


def test_a_scale_in_the_environment_replaces_the_count_of_the_manifest(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        shop=manifest("a shop") + "count = 3\n",
        local="[services.shop.processes.web]\nscale = { min = 2, max = 6 }\n",
    )

    web = load(root, "local").service("shop").processes["web"]

    assert web.count is None
    assert web.desired == 2


def test_an_environment_that_makes_two_of_a_singleton_is_a_mistake_of_its_own_file(tmp_path: Path) -> None:
    beat = '[processes.beat]\ncommand = ["beat"]\ncpu = 128\nmemory = 128\nsingleton = true\n'
    root = project(
        tmp_path,
        shop=manifest("a shop") + beat,
        local="[services.shop.processes.beat]\ncount = 2\n",
    )

    assert problems(root) == (
        "infra/environments/local.toml: services.shop.processes.beat: "
        "a singleton should have no scale and a count of at most 1",
    )


def test_a_preview_environment_takes_the_file_of_another(tmp_path: Path) -> None:
    root = project(tmp_path, local='[edge]\ndomain = "{environment}.example.org"\nzone_id = "Z1"\n')

    environment = load(root, "pr-12", like="local").environment

    assert (environment.name, environment.domain) == ("pr-12", "pr-12.example.org")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"shop": manifest("a shop").replace("cpu = 128", "cpu = 100")},
            "services/shop/service.toml: processes.web.cpu: should be one of 128, 256, 512, 1024, 2048, 4096",
        ),
        (
            {"shop": manifest("a shop", more="colour = 1\n")},
            "services/shop/service.toml: http.colour: is not a known key",
        ),
        (
            {"shop": manifest("a shop").replace("port = 8080", 'port = "8080"')},
            "services/shop/service.toml: http.port: should be a whole number",
        ),
        ({"shop": WEB}, "services/shop/service.toml: description: is missing"),
        (
            {"shop": manifest("a shop") + "count = 1\nscale = { min = 1, max = 2 }\n"},
            "services/shop/service.toml: processes.web: should have count or scale, not both",
        ),
        (
            {"shop": manifest("a shop") + "scale = { min = 1, max = 2, age = '60s' }\n"},
            "services/shop/service.toml: processes.web.scale.age: needs [queue]",
        ),
        (
            {"shop": manifest("a shop") + "singleton = true\ncount = 2\n"},
            "services/shop/service.toml: processes.web: a singleton should have no scale and a count of at most 1",
        ),
        (
            {
                "shop": "description = 'a shop'\n[http]\nport = 8080\n[processes.job]\ncommand=['a']\ncpu=128\nmemory=128\n"
            },
            "services/shop/service.toml: processes: [http] needs a process named web",
        ),
        (
            {"shop": manifest("a shop", more="routes = ['(']\n")},
            "services/shop/service.toml: http.routes: '(' is no regular expression: "
            "missing ), unterminated subpattern at position 0",
        ),
        (
            {"shop": manifest("a shop") + '[calls]\nmoon = ["moon:read"]\n'},
            "services/shop/service.toml: calls.moon: there is no such service",
        ),
        (
            {"shop": manifest("a shop") + '[calls]\ntokens = ["moon:read"]\n'},
            "services/shop/service.toml: calls.tokens: scope 'moon:read' should begin with 'tokens:'",
        ),
        (
            {"shop": manifest("a shop") + '[secrets]\nnames = ["release"]\n'},
            "services/shop/service.toml: secrets.names: 'release' is a name that the tool sets itself",
        ),
        (
            {
                "cart": manifest("a") + '[database]\nname = "one"\n',
                "shop": manifest("b") + '[database]\nname = "one"\n',
            },
            "services/cart/service.toml: database.name: 'one' belongs to more than one service",
        ),
        (
            {"network": manifest("clash")},
            "services/network: the name is taken by a stack; network, observability, cluster, database, edge "
            "and names ending in -release or -database are reserved",
        ),
        (
            {"operator": manifest("x")},
            "services/operator: the name belongs to the client that people use; choose another",
        ),
        (
            {"shop": manifest("a") + WEB.replace("processes.web", "processes.migrate")},
            "services/shop/service.toml: processes.migrate: the name belongs to a one-off task of the tool",
        ),
        (
            {"base": 'project = "awsome"\naccount = "000000000000"\nregion = "eu-west-1"\n'},
            "infra/environments/base.toml: project: should not begin with aws, ecs or fargate, which AWS keeps for itself",
        ),
        (
            {"shop-release": manifest("clash")},
            "services/shop-release: the name is taken by a stack; network, ",
        ),
        (
            {"local": "[hosts]\nmin = 3\nmax = 2\n"},
            "infra/environments/local.toml: hosts: min should not be over max (3 > 2)",
        ),
        (
            {"local": '[hosts]\ninstance_types = ["t3.small", "t4g.small"]\n'},
            "infra/environments/local.toml: hosts: instance_types should all be of one architecture "
            "(t4g is arm64, t3 is x86_64)",
        ),
        (
            {"local": "protected = true\n"},
            "infra/environments/local.toml: edge.domain: is needed in a protected environment "
            "(plain HTTP is refused there)",
        ),
        (
            {"local": '[edge]\ndomain = "a.example.org"\n'},
            "infra/environments/local.toml: edge: a domain needs zone_id (a certificate is made) or certificate_arn",
        ),
        (
            {"local": "[services.shop.processes.moon]\ncount = 1\n"},
            "infra/environments/local.toml: services.shop.processes.moon: there is no such process",
        ),
        (
            {"local": "[services.moon]\n"},
            "infra/environments/local.toml: services.moon: there is no such service",
        ),
        (
            {"local": '[hosts]\nos = "fargate"\n'},
            "infra/environments/local.toml: services.shop.processes.web.cpu: "
            "should be one of 256, 512, 1024, 2048, 4096 on Fargate (is 128)",
        ),
        (
            {
                "local": '[hosts]\nos = "fargate"\n[services.shop.processes.web]\ncpu = 256\nmemory = 300\n',
            },
            "infra/environments/local.toml: services.shop.processes.web.memory: "
            "should be 512 to 2048 in steps of 512 with cpu 256 on Fargate (is 300)",
        ),
        ({"local": "protected = 1\n"}, "infra/environments/local.toml: protected: should be true or false"),
        ({"local": "colour = 1\n"}, "infra/environments/local.toml: colour: is not a known key"),
        ({"local": "= 1\n"}, "infra/environments/local.toml: is not valid TOML: "),
        (
            {"base": 'project = "yard"\nregion = "eu-west-1"\n'},
            "infra/environments/base.toml: account: is missing",
        ),
        (
            {"base": 'project = "much-too-long-a-name"\naccount = "000000000000"\nregion = "eu-west-1"\n'},
            "infra/environments/base.toml: project: should have at most 12 characters",
        ),
    ],
)
def test_a_mistake_is_named_by_file_key_and_rule(
    tmp_path: Path, changes: dict[str, str], expected: str
) -> None:
    found = problems(project(tmp_path, **changes))

    assert any(problem.startswith(expected) for problem in found), found


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    root = project(tmp_path, shop=WEB, local="colour = 1\n")

    found = problems(root)

    assert found == (
        "infra/environments/local.toml: colour: is not a known key",
        "services/shop/service.toml: description: is missing",
    )


def test_a_cycle_of_calls_is_shown_as_a_path(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        shop=manifest("a") + '[calls]\ncart = ["cart:read"]\n',
        cart=manifest("b") + '[calls]\nshop = ["shop:read"]\n',
    )

    found = problems(root)

    assert found == ("services/cart/service.toml: calls: makes a cycle: cart -> shop -> cart",)


def test_exactly_one_service_is_the_issuer(tmp_path: Path) -> None:
    none = problems(project(tmp_path / "none", tokens=manifest("no issuer")))
    two = problems(project(tmp_path / "two", shop=manifest("a") + "[issuer]\n"))

    assert none == ("services/*/service.toml: issuer: one service should be the issuer; none is",)
    assert two == (
        "services/shop/service.toml: issuer: only one issuer may exist; there are shop, tokens",
        "services/tokens/service.toml: issuer: only one issuer may exist; there are shop, tokens",
    )


def test_an_unknown_environment_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    found = problems(project(tmp_path, env_staging=""), "moon")

    assert found == (
        "infra/environments/moon.toml: there is no environment 'moon'; there are local, staging; "
        "for a preview environment add --like and one of these",
    )


def test_a_service_where_the_environment_should_stand_is_told_so(tmp_path: Path) -> None:
    found = problems(project(tmp_path), "shop")

    assert found == (
        "infra/environments/shop.toml: there is no environment 'shop'; there are local; "
        "'shop' is a service: name the environment before it",
    )


def test_a_manifest_that_is_no_toml_is_one_mistake(tmp_path: Path) -> None:
    (found,) = problems(project(tmp_path, shop="description = "))

    assert found.startswith("services/shop/service.toml: is not valid TOML: ")


def test_two_environments_whose_stacks_would_collide_are_refused(tmp_path: Path) -> None:
    root = project(tmp_path, **{"env_local-shop": "", "network2": manifest("x")}, shop=manifest("a"))
    write_tree(root, {"services/shop-network/service.toml": manifest("collides")})

    found = problems(root)

    assert found == tuple(
        f"infra/environments/local.toml: name: environments 'local' and 'local-shop' would both have a stack "
        f"'yard-local-shop-{part}'; rename one"
        for part in ("database", "network")
    )


@pytest.mark.parametrize("name", ["local", "staging", "production"])
def test_the_environments_of_this_repository_are_valid(name: str) -> None:
    assert isinstance(load(ROOT, name), Config)


def test_base_toml_names_every_key_of_an_environment() -> None:
    text = (ROOT / "infra/environments/base.toml").read_text()
    keys = {key for model in [Environment, *_models(Environment)] for key in model.model_fields} - {
        "name",
        "services",
    }

    missing = [key for key in sorted(keys) if f"{key} = " not in text and f"[{key}]" not in text]

    assert missing == ["processes"] or missing == []


def _models(model: type) -> list[type]:
    found = []
    for field in model.model_fields.values():  # type: ignore[attr-defined]
        inner = field.annotation
        if isinstance(inner, type) and hasattr(inner, "model_fields"):
            found += [inner, *_models(inner)]
    return found


def test_every_environment_with_a_file_is_listed() -> None:
    assert environment_names(ROOT) == ("local", "production", "staging")


@given(
    st.sampled_from(["t4g", "m7g", "c7gn", "r6gd", "x2gd", "im4gn", "a1"]),
    st.sampled_from(["large", "2xlarge"]),
)
def test_graviton_families_are_arm64(family: str, size: str) -> None:
    assert architecture_of(f"{family}.{size}") == "arm64"


@given(st.sampled_from(["t3", "t3a", "m7i", "m6a", "c5n", "g4dn", "g5", "r5b", "m7i-flex"]))
def test_all_other_families_are_x86_64(family: str) -> None:
    assert architecture_of(f"{family}.large") == "x86_64"
