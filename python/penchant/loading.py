"""Models to folders and back: what a model is made of, as one tree of states.

The folder's form is `penchant.artifact`'s business; which parts a model has is this module's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from penchant import artifact
from penchant.components import Spec
from penchant.deriving import Deriving
from penchant.errors import ModelFileError, SettingsError, UnknownComponent
from penchant.fitting import FALLBACK, GENERATOR
from penchant.model import Model
from penchant.past import Past
from penchant.people import People
from penchant.protocols import Factored, State, capability
from penchant.queries import Csr
from penchant.recipes import namespaces

if TYPE_CHECKING:
    from penchant.protocols import Json
    from penchant.registry import Registry

Folder: TypeAlias = "str | os.PathLike[str]"

ENCODER = "encoder"
"""The name under which a component keeps its encoder's folder in `State.folders`."""


def save(
    model: Model,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = True,
    with_encoder: bool = True,
) -> None:
    """Write a model; see `Model.save`."""
    past = model.past
    arrays: dict[str, Any] = {"indptr": past.events.indptr, "indices": past.events.indices}
    if past.events.values is not None:
        arrays["values"] = past.events.values
    if past.times is not None:
        arrays["times"] = past.times
    recommender, derived = model.recommender.state(), model.derived.state()
    if not with_encoder:
        recommender, derived = _without_folders(recommender), _without_folders(derived)
    state = State(
        {"changed": np.fromiter(sorted(model.changed), np.int32, len(model.changed))},
        {"min_value": past.min_value, "liking": past.liking},
        {
            "recommender": recommender,
            "derived": derived,
            "fallback": model.fallback.state(),
            "users": State(model.users.arrays()),
            "items": State(model.items.arrays(), model.items.meta()),
            "past": State(arrays),
        },
    )
    manifest: dict[str, Json] = {
        "recommender": model.spec.to_json(),
        "derive": {column: spec.to_json() for column, spec in model.derived.specs.items()},
        "fallback": FALLBACK.to_json(),
        "facts": dict(model.facts),
    }
    artifact.write(folder, manifest, state, overwrite=overwrite)


def load(
    folder: str | os.PathLike[str],
    *,
    registry: Registry | None = None,
    verify: bool = True,
    resident: bool = False,
    encoder: Folder | Mapping[str, Folder] | None = None,
) -> Model:
    """Load a model; its arrays are mapped, so that all processes on a machine share one copy.

    registry: where components come from; None imports only the plugins that the model names.
    verify: compare the checksum of every file. Sizes, dtypes and shapes are always compared.
    resident: copy what ranking scans into huge-page memory of this process: faster, more memory.
    encoder: a folder that takes the place of the encoder saved with the model, or supplies it; for
        a model with several, folders by the encoders' fingerprints.

    Raises ModelFileError for a folder that is damaged or no model, PluginError or UnknownComponent
    for a missing plugin, SettingsError for an `encoder` that this model can't use. No code from the
    folder runs.
    """
    loaded = artifact.read(folder, verify=verify)
    state = loaded.state
    if encoder is not None:
        state = _with_folders(state, _by_fingerprint(encoder, _fingerprints(state)))
    try:
        manifest: Mapping[str, Any] = loaded.manifest
        spec = Spec.of(manifest["recommender"])
        if registry is None:
            from penchant.registry import Registry

            registry = Registry.discover(only=namespaces([spec.to_json(), manifest["derive"]]))
        restored = registry.recommender(_resident(spec) if resident else spec).restore(
            state.parts["recommender"]
        )
        return _model(manifest, spec, state, registry, restored)
    except UnknownComponent as error:
        newer = _newer(loaded, registry)
        raise UnknownComponent(
            f"model {os.fspath(folder)!r} can't be loaded: {error}{newer and f' ({newer})'}"
        ) from None
    except ModelFileError as error:
        raise ModelFileError(f"model {os.fspath(folder)!r} can't be loaded: {error}") from None
    except (KeyError, TypeError, IndexError, SettingsError) as error:
        way_out = _newer(loaded, registry) or "fit and save it again"
        raise ModelFileError(
            f"model {os.fspath(folder)!r} lacks a part that this version needs, or has one that it "
            f"doesn't know ({type(error).__name__}: {error}); {way_out}"
        ) from error


def _newer(loaded: artifact.Loaded, registry: Registry | None) -> str:
    """Which packages another version of wrote the model, and what to do; "" where none did."""
    facts: Any = loaded.manifest.get("facts")
    wrote = facts.get("plugins", {}) if isinstance(facts, Mapping) else {}
    here = {plugin.namespace: plugin.version for plugin in registry.plugins} if registry else {}
    apart = [
        f"{name} {version}, and here is {here[name]}"
        for name, version in wrote.items()
        if here.get(name, version) != version
    ]
    if not apart:
        return ""
    return f"it was saved with {'; '.join(apart)}: install the same version, or fit again"


def _model(
    manifest: Mapping[str, Any], spec: Spec, state: State, registry: Registry, restored: Any
) -> Model:
    from penchant.data import Items, Vocabulary

    items = Items.from_arrays(state.parts["items"].arrays, state.parts["items"].meta)
    users = Vocabulary.from_arrays(state.parts["users"].arrays)
    past = state.parts["past"].arrays
    _check(past, state.arrays["changed"], restored, len(users), len(items))
    events = Csr(past["indptr"], past["indices"], past.get("values"), len(items))
    min_value, liking = state.meta["min_value"], state.meta["liking"]
    known = Past(
        events,
        past.get("times"),
        None if min_value is None else float(str(min_value)),
        float(str(liking)),
    )
    return Model(
        spec=spec,
        people=People(users, known, frozenset(state.arrays["changed"].tolist())),
        items=items,
        recommender=registry.wrap_recommender(spec.name, restored),
        fallback=registry.recommender(Spec.of(manifest["fallback"])).restore(
            state.parts["fallback"]
        ),
        generator=registry.generator(GENERATOR),
        facts=manifest["facts"],
        derived=Deriving(
            {column: Spec.of(one) for column, one in manifest["derive"].items()}, registry
        ).restore(state.parts["derived"]),
    )


def _check(
    past: Mapping[str, Any], changed: Any, restored: Any, n_users: int, n_items: int
) -> None:
    """Refuse parts that don't belong together, before a request stumbles over them. O(changed).

    Digests can't tell: a model may have been put together by hand, and sealed afterwards.
    """
    indptr, entries = past["indptr"], len(past["indices"])
    wanted = {
        "indptr": ("int64", n_users + 1),
        "indices": ("int32", entries),
        "values": ("float32", entries),
        "times": ("int64", entries),
    }
    for name, (dtype, length) in wanted.items():
        array = past.get(name)
        if array is not None and (array.dtype != dtype or array.shape != (length,)):
            raise ModelFileError(
                f"{name} of the past has dtype {array.dtype} and shape {array.shape}, but "
                f"{n_users} users with {entries} events need {dtype} and ({length},); save it again"
            )
    if (int(indptr[0]), int(indptr[-1])) != (0, entries):
        raise ModelFileError(
            f"indptr of the past runs from {indptr[0]} to {indptr[-1]}, and must run from 0 to its "
            f"{entries} events; save it again"
        )
    if len(changed) and not 0 <= int(changed.min()) <= int(changed.max()) < n_users:
        raise ModelFileError(
            f"the users who acted after the fit are rows {changed.min()} to {changed.max()}, but "
            f"there are {n_users} users; save it again"
        )
    factored = capability(restored, Factored)
    if factored is not None and len(factored.item_vectors) != n_items:
        raise ModelFileError(
            f"the recommender has vectors of {len(factored.item_vectors)} items, but the catalogue "
            f"has {n_items}; save it again"
        )


def _resident(spec: Spec) -> Spec:
    def changed(value: Any) -> Any:
        if isinstance(value, Mapping):
            inner = {key: changed(v) for key, v in value.items()}
            return {**inner, "resident": True} if value.get("use") == "base.top_k" else inner
        return [changed(v) for v in value] if isinstance(value, list | tuple) else value

    return Spec.of(changed(spec.to_json()))


def _without_folders(state: State) -> State:
    parts = {name: _without_folders(part) for name, part in state.parts.items()}
    return replace(state, parts=parts, folders={})


def _fingerprints(state: State) -> set[str]:
    """Those of the encoders that have files, anywhere in the tree."""
    own = {str(state.meta.get("fingerprint"))} if state.meta.get("in_folder") else set()
    return own.union(*map(_fingerprints, state.parts.values()))


def _by_fingerprint(given: Folder | Mapping[str, Folder], known: set[str]) -> dict[str, Path]:
    """The folder of each encoder that one was given for."""
    listed = ", ".join(sorted(known))
    if not known:
        raise SettingsError("encoder is given, but this model has none with files; leave it out")
    if isinstance(given, Mapping):
        for name in given:
            if name not in known:
                raise SettingsError(
                    f"encoder names the fingerprint {name!r}, and those of this model are {listed}"
                )
        return {name: Path(folder) for name, folder in given.items()}
    if len(known) > 1:
        raise SettingsError(
            f"encoder is one folder, but this model has {len(known)} encoders with files; give "
            f"folders by fingerprint, of {listed}"
        )
    return {name: Path(given) for name in known}


def _with_folders(state: State, folders: Mapping[str, Path]) -> State:
    parts = {name: _with_folders(part, folders) for name, part in state.parts.items()}
    folder = (
        folders.get(str(state.meta.get("fingerprint"))) if state.meta.get("in_folder") else None
    )
    own = state.folders if folder is None else {**state.folders, ENCODER: folder}
    return replace(state, parts=parts, folders=own)
