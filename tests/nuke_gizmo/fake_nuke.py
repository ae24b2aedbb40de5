# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the `nuke` module: nodes, knobs, menus, messages. What it does not know it
refuses; nothing is made up on the fly."""

import re
import shlex
import types
from pathlib import Path

from fake_knobs import NODE_KNOBS, FakeKnob
from fake_windows import FakeMenu, FakePanel, FakeTask
from nuke_expression import ExpressionFault
from nuke_script import ScriptNode, evaluated

NO_INPUTS = ("Read", "Input")


class FakeNode:
    def __init__(self, nuke, kind, name, group=None):
        if kind not in NODE_KNOBS or kind in nuke.missing_nodes:
            raise RuntimeError(f"{kind}: Unknown command")
        self.nuke, self.kind, self.group = nuke, kind, group
        self.all_knobs = {key: FakeKnob(self, key) for key in NODE_KNOBS[kind]}
        self.all_knobs["name"].held = name
        self.wires: list[FakeNode | None] = []
        self.children: dict[str, FakeNode] = {}
        self.mask_input = False
        self.error = False

    # what Nuke offers
    def name(self):
        return self.all_knobs["name"].held

    def setName(self, name, uncollide=True):
        home = self.group.children if self.group else self.nuke.nodes_by_name
        home.pop(self.name())
        self.all_knobs["name"].held = self.nuke.free_name(home, name)
        home[self.name()] = self

    def fullName(self):
        return f"{self.group.fullName()}.{self.name()}" if self.group else self.name()

    def Class(self):
        return self.kind

    def knob(self, name):
        return self.all_knobs.get(name)

    def knobs(self):
        return dict(self.all_knobs)

    def __getitem__(self, name):
        if name not in self.all_knobs:
            raise NameError(f"knob {name} does not exist")
        return self.all_knobs[name]

    def setInput(self, index, node):
        while len(self.wires) <= index:
            self.wires.append(None)
        self.wires[index] = node
        return True

    def input(self, index):
        return self.wires[index] if index < len(self.wires) else None

    def inputs(self):
        return len(self.wires)

    def node(self, name):
        return self.children.get(name)

    def nodes(self):
        return list(self.children.values())

    def hasError(self):
        return self.error

    def sample(self, channel, x, y, dx=1, dy=1, frame=None):
        return self.nuke.sampled(self, channel, x, y, dx, dy)

    def setXYpos(self, x, y):
        self["xpos"].setValue(x)
        self["ypos"].setValue(y)

    def xpos(self):
        return int(self.all_knobs["xpos"].held or 0)

    def ypos(self):
        return int(self.all_knobs["ypos"].held or 0)

    def setSelected(self, on):
        self["selected"].setValue(bool(on))

    def begin(self):
        self.nuke.context.append(self)
        return self

    def end(self):
        self.nuke.context.pop()

    __enter__ = begin

    def __exit__(self, *_):
        self.end()

    def format(self):
        return self.nuke.format_of(self)

    def firstFrame(self):
        return int(self["first"].held)

    def lastFrame(self):
        return int(self["last"].held)

    # what the tests need besides
    def resolve(self, name, frame):
        node, rest = self, name
        if name == "frame":
            return float(frame)
        while rest.startswith("parent."):
            node, rest = node.group, rest[len("parent.") :]
        parts = rest.split(".")
        if len(parts) > 1 and parts[0] in (self.group.children if self.group else {}):
            node, parts = self.group.children[parts[0]], parts[1:]
        elif len(parts) > 1 and self.group is None and parts[0] in self.nuke.nodes_by_name:
            node, parts = self.nuke.nodes_by_name[parts[0]], parts[1:]
        if node is None or parts[0] not in node.all_knobs:
            raise ExpressionFault(f"{self.fullName()}: nothing is called {name}")
        index = {"x": 0, "y": 1}[parts[1]] if len(parts) > 1 else 0
        return node.all_knobs[parts[0]].number(index, frame)


class FakeNuke(types.ModuleType):
    """The module. `sampled` can be replaced; `missing_nodes` names node classes to be without."""

    def __init__(self, gizmos=None):
        super().__init__("nuke")
        self.GUI = True
        self.HORIZONTAL = "horizontal"
        self.env = {"nukex": True, "gui": True, "NukeVersionMajor": 15}
        self.NUKE_VERSION_STRING = "15.1v1"
        self.gizmos = gizmos or {}
        self.missing_nodes: set[str] = set()
        self.broken_kernels = False
        self.messages: list[str] = []
        self.answers: list = []
        self.executed: list[tuple] = []
        self.plugin_paths: list[str] = []
        self.formats: dict[str, tuple] = {}
        self.nodes_by_name: dict[str, FakeNode] = {}
        self.context: list[FakeNode] = []
        self.current_frame = 1
        self.this_node = self.this_knob = None
        self.menus = {"Nuke": FakeMenu(), "Nodes": FakeMenu()}
        self.ProgressTask = FakeTask
        self.Panel = type("Panel", (FakePanel,), {"nuke": self})
        self.Undo = types.SimpleNamespace(
            begin=lambda name="": None, end=lambda: None, cancel=lambda: None
        )
        self.root_knobs = FakeNode(self, "NoOp", "root")
        self.root_knobs.all_knobs.update(
            {
                key: FakeKnob(self.root_knobs, key)
                for key in ("name", "first_frame", "last_frame", "fps", "workingSpaceLUT", "proxy")
            }
        )
        self.root_knobs["first_frame"].held = 1
        self.root_knobs["proxy"].held = False
        self.root_knobs["last_frame"].held = 100

    # nodes
    def createNode(self, kind, knobs="", inpanel=True):
        behind = self.selectedNodes()
        if kind in self.gizmos:
            node = self._pasted(self.gizmos[kind])[-1]
        else:
            node = self._new(kind, knobs)
        self._spliced(node, behind)
        return node

    def _spliced(self, node, behind):
        """What Nuke does in the node graph: the new node goes behind what is selected."""
        if self.context:
            return
        if behind and node.kind not in NO_INPUTS:
            for other in self.nodes_by_name.values():
                other.wires = [node if wire is behind[0] else wire for wire in other.wires]
            node.setInput(0, behind[0])
        for other in self.nodes_by_name.values():
            other["selected"].held = other is node

    def _new(self, kind, knobs=""):
        home, group = self._home()
        node = FakeNode(self, kind, self.free_name(home, kind + "1"), group)
        home[node.name()] = node
        words = shlex.split(knobs)
        for key, value in zip(words[::2], words[1::2], strict=True):
            node[key].load(value.strip("{}"))
        return node

    def _home(self):
        if self.context:
            return self.context[-1].children, self.context[-1]
        return self.nodes_by_name, None

    def free_name(self, home, name):
        stem, number = re.fullmatch(r"(.*?)(\d*)", name).groups()
        while name in home:
            number = str(int(number or 0) + 1)
            name = stem + number
        return name

    def nodePaste(self, path):
        behind = self.selectedNodes()
        node = self._pasted(Path(path).read_text(encoding="ascii"))[-1]
        self._spliced(node, behind)
        return node

    def scriptReadText(self, text):
        self._pasted(text)

    def _pasted(self, text):
        top, faults = evaluated(text)
        if faults:
            raise RuntimeError(faults[0])
        return [self._loaded(node) for node in top.values()]

    def _loaded(self, script: ScriptNode):
        home, group = self._home()
        node = FakeNode(self, script.kind, self.free_name(home, script.name), group)
        home[node.name()] = node
        node.mask_input = script.mask
        for words in script.user_knobs:
            _add_user_knob(node, words)
        for key, text in script.knobs.items():
            if key not in node.all_knobs:
                raise RuntimeError(f"{script.name}: no such knob {key}")
            node.all_knobs[key].load(text)
        with node:
            for child in script.nodes.values():
                self._loaded(child)
        for name, child in node.children.items():
            wires = script.nodes[name].inputs
            child.wires = [None if one is None else node.children[one] for one in wires]
        if group is None and node["onCreate"].held:
            self.run_code(node["onCreate"].held, node)
        return node

    def toNode(self, name):
        home, _ = self._home()
        first, *rest = name.split(".")
        node = home.get(first)
        for part in rest:
            node = node.children.get(part) if node else None
        return node

    def delete(self, node):
        home = node.group.children if node.group else self.nodes_by_name
        del home[node.name()]
        for other in home.values():
            other.wires = [node.input(0) if wire is node else wire for wire in other.wires]

    def allNodes(self, filter=None, group=None):
        home = group.children if group else self._home()[0]
        return [node for node in home.values() if filter in (None, node.kind)]

    def selectedNodes(self, filter=None):
        nodes = [n for n in self.nodes_by_name.values() if n["selected"].held is True]
        return [node for node in nodes if filter in (None, node.kind)][::-1]

    def selectedNode(self):
        return self.selectedNodes()[0]

    def addFormat(self, text):
        width, height, aspect, name = text.split()
        self.formats[name] = (int(width), int(height), float(aspect))

    def root(self):
        return self.root_knobs

    def frame(self, frame=None):
        if frame is not None:
            self.current_frame = frame
        return self.current_frame

    def thisNode(self):
        return self.this_node

    def thisKnob(self):
        return self.this_knob

    def execute(self, node, first, last, step=1):
        self.executed.append((node if isinstance(node, str) else node.name(), first, last))
        if self.on_execute is not None:
            self.on_execute(node, first, last)

    on_execute = None

    # the user
    def message(self, text):
        self.messages.append(text)

    def tprint(self, text):
        self.messages.append(text)

    def getFilename(self, message, pattern="", default="", favorites="", type="", multiple=False):
        return self.answers.pop(0)

    def ask(self, text):
        return self.answers.pop(0)

    def menu(self, name):
        return self.menus[name]

    def pluginAddPath(self, path, addToSysPath=True):
        self.plugin_paths.insert(0, path)

    def pluginPath(self):
        return list(self.plugin_paths)

    def executeInMainThread(self, call, args=(), kwargs=None):
        call(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))

    def executeInMainThreadWithResult(self, call, args=(), kwargs=None):
        return call(*(args if isinstance(args, tuple) else (args,)), **(kwargs or {}))

    # what happens in Nuke by itself
    def run_code(self, code, node):
        before = self.this_node
        self.this_node = node
        try:
            exec(compile(code, f"<{node.name()}>", "exec"), {"nuke": self})
        finally:
            self.this_node = before

    def knob_set(self, knob):
        node = knob.node
        if node.kind != "Group" or not node.children or node.group is not None:
            return
        code = node["knobChanged"].held
        if code and self.this_knob is None:
            self.this_knob = knob
            try:
                self.run_code(code, node)
            finally:
                self.this_knob = None

    def pressed(self, knob):
        """A built-in button: compiling a kernel makes knobs of its parameters."""
        if knob.name() != "recompile":
            return
        node, text = knob.node, knob.node["kernelSource"].held
        if self.broken_kernels:
            node.error = True
            return
        kernel = re.search(r"\bkernel\s+(\w+)", text)[1]
        for label, value in re.findall(
            r'defineParam\(\s*\w+\s*,\s*"([^"]*)"\s*,\s*([-\d.]+)f?\s*\)', text
        ):
            name = f"{kernel}_{label.replace(' ', '_')}"
            node.all_knobs.setdefault(name, FakeKnob(node, name)).held = float(value)

    def substituted(self, knob, text):
        """A file name with its [value parent.x] filled in."""

        def fill(match):
            node, rest = knob.node, match[1]
            while rest.startswith("parent."):
                node, rest = node.group, rest[len("parent.") :]
            return str(node[rest].held)

        return re.sub(r"\[value ([\w.]+)\]", fill, text)

    def sampled(self, node, channel, x, y, dx, dy):
        raise NotImplementedError("a test that samples says what is seen")

    def format_of(self, node):
        raise NotImplementedError("a test that asks for a format says it")


def _add_user_knob(node, words):
    kind, name, *rest = words
    choices, script, index = [], "", 0
    while index < len(rest):
        word = rest[index]
        if word == "M":
            choices = shlex.split(rest[index + 1])
        elif word == "T":
            script = rest[index + 1]
        index += {"l": 2, "t": 2, "M": 2, "T": 2, "R": 3, "n": 2}.get(word, 1)
    if kind == "20" or not name:
        return
    if name in node.all_knobs and name not in ("useGPUIfAvailable",):
        raise RuntimeError(f"{node.name()}: a knob {name} is there already")
    node.all_knobs[name] = FakeKnob(node, name, int(kind), choices, script)
