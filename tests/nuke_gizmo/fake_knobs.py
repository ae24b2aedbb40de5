# SPDX-License-Identifier: Apache-2.0
"""Which knobs Nuke's own nodes have, as far as we use those nodes; and knobs themselves.

The lists are facts about Nuke's nodes, taken from its documentation and from scripts; a knob that
is not in them is refused, as Nuke refuses it.
"""

import re

from nuke_expression import evaluate

_COMMON = "name label xpos ypos disable selected tile_color help hide_input note_font"
_COMMON += " note_font_color note_font_size onCreate knobChanged postage_stamp autolabel"
_MASKED = " maskChannelInput maskChannelMask inject invert_mask fringe mix unpremult"

NODE_KNOBS = {
    kind: set((_COMMON + " " + own).split())
    for kind, own in {
        "BlinkScript": "kernelSource kernelSourceFile KernelDescription ProgramGroup format rebuild"
        " recompile recompileCount reloadKernelSourceFile specifiedFormat useGPUIfAvailable"
        " vectorize EncodedSource clearKernelSource outputChannels",
        "Blur": "channels size filter quality crop" + _MASKED,
        "Copy": "from0 to0 from1 to1 from2 to2 from3 to3 channels bbox" + _MASKED,
        "Crop": "box softness reformat intersect resize extent crop preset",
        "Dot": "",
        "Expression": "channel0 channel1 channel2 channel3 expr0 expr1 expr2 expr3 temp_name0"
        " temp_expr0 temp_name1 temp_expr1 temp_name2 temp_expr2 temp_name3 temp_expr3" + _MASKED,
        "Group": "",
        "Input": "number",
        "Merge2": "operation Achannels Bchannels output also_merge bbox sRGB screen_alpha metainput"
        " rangeinput" + _MASKED,
        "NoOp": "",
        "Output": "",
        "Premult": "channels alpha invert",
        "Read": "file proxy first last origfirst origlast origset before after frame_mode frame"
        " format proxy_format raw colorspace premultiplied auto_alpha on_error reload",
        "Reformat": "type format scale box_fixed box_width box_height box_pixel_aspect resize"
        " center flip flop turn filter clamp black_outside pbb",
        "STMap": "channels uv filter blur blur_scale premultiplied invert_mask maskChannel",
        "Shuffle2": "fromInput1 fromInput2 in1 in2 out1 out2 mappings shuffle",
        "Switch": "which",
        "Write": "file proxy file_type channels raw colorspace datatype compression"
        " create_directories use_limit first last Execute autocrop metadata",
        "ZDefocus2": "aspect autoLayerSpacing blades bloom bloom_gain bloom_gamma bloom_threshold"
        " blur_dof catadioptric catadioptric_size center channels clamp_image_filter dof"
        " fill_foreground filter_bounds filter_channel filter_type focal_point image_filter"
        " inner_brightness inner_feather inner_size layerCurve layers legacy_resize_mode math"
        " max_size output rotation roundness shape show_image show_legacy_resize_mode size"
        " useGPUIfAvailable use_input_channels z_channel" + _MASKED,
        "Bokeh": "depthChannel depthStyle focalPlane max_kernelsize multiplier realWorldLens"
        " bokehChannels kernelType kNumSides kRotation kCurvature kAspectRatio",
    }.items()
}
BUTTONS = {"recompile", "reload", "Execute"}
STRINGS = set(
    "kernelSource file label help onCreate knobChanged mappings fromInput1 fromInput2 name".split()
)
STRINGS |= {f"{stem}{index}" for stem in ("expr", "temp_name", "temp_expr") for index in range(4)}


class FakeCurve:
    """The animation of a knob."""

    def __init__(self, knob):
        self.knob = knob

    def keys(self):
        return sorted(self.knob.keys)

    def changeInterpolation(self, keys, kind):
        assert list(keys) == self.keys()
        self.knob.interpolation = kind


class FakeKnob:
    """One knob. `choices` makes it a choice: its number is the index, its value the entry."""

    def __init__(self, node, name, kind=0, choices=(), script=""):
        self.node, self._name, self.choices = node, name, list(choices)
        self.kind = 1 if name in STRINGS else kind
        self.held = self.choices[0] if self.choices else ""
        self.expressions: dict[int, str] = {}
        self.keys: dict[float, float] = {}
        self.script = script
        self.enabled = True
        self.interpolation = "linear"
        self.shown = True

    def name(self):
        return self._name

    def load(self, text):
        """Take what a script says: a value, or expressions in braces."""
        if self.kind not in (1, 2) and "{" in text:
            parts = re.findall(r"\{([^{}]*)\}|(\S+)", text)
            self.held = [float(value) if value else 0.0 for _, value in parts]
            self.expressions = {i: expr for i, (expr, _) in enumerate(parts) if expr}
            if len(self.held) == 1:
                self.held = self.held[0]
            return
        self.setValue(self._read(text))

    def _read(self, text):
        if text in ("true", "false") and not self.choices:
            return text == "true"
        words = text.split()
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            return text
        if self.choices or not numbers or self.kind in (1, 2):
            return text
        return numbers[0] if len(numbers) == 1 else numbers

    def setValue(self, value, index=None, time=None):
        if self.choices:
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                value = self.choices[int(value)]
            if value not in self.choices:
                raise ValueError(f"{self._name} has no choice {value!r}")
        if index is not None:
            self.held = list(self.held) if isinstance(self.held, list) else [0.0, 0.0]
            self.held[index] = value
            return True
        if self.keys and not isinstance(value, (str, list)):
            self.keys[float(self.node.nuke.frame())] = float(value)
        self.held = value
        self.expressions = {}
        self.node.nuke.knob_set(self)
        return True

    def setValueAt(self, value, time, index=0):
        if not self.keys and not self._animated:
            raise RuntimeError(f"{self._name} is not animated")
        self.keys[float(time)] = float(value)
        return True

    _animated = False

    def setAnimated(self, index=0):
        self._animated = True
        return True

    def clearAnimated(self, index=0):
        self._animated, self.keys = False, {}
        return True

    def isAnimated(self, index=0):
        return self._animated

    def animation(self, index=0):
        return FakeCurve(self) if self._animated else None

    def setExpression(self, expression, channel=0):
        self.expressions[channel] = expression
        return True

    def hasExpression(self, index=0):
        return index in self.expressions

    def number(self, index=0, frame=None):
        """The number at a frame: an expression, a key, or what is held."""
        frame = self.node.nuke.frame() if frame is None else frame
        if index in self.expressions:
            return evaluate(self.expressions[index], lambda name: self.node.resolve(name, frame))
        if self.keys:
            return self._between_keys(frame)
        if self.choices:
            return float(self.choices.index(self.held))
        held = self.held[index] if isinstance(self.held, list) else self.held
        return float(held) if held != "" else 0.0

    def _between_keys(self, frame):
        times = sorted(self.keys)
        after = next((t for t in times if t >= frame), times[-1])
        before = max((t for t in times if t <= frame), default=times[0])
        share = (frame - before) / (after - before) if before < after else 0.0
        share = min(max(share, 0.0), 1.0)
        if self.interpolation == "horizontal":  # a cubic with flat ends
            share = share * share * (3 - 2 * share)
        return self.keys[before] + share * (self.keys[after] - self.keys[before])

    def value(self, index=None):
        if self.choices:
            return self.held
        if self.expressions or self.keys:
            return self.number(index or 0)
        if index is not None and isinstance(self.held, list):
            return self.held[index]
        return self.held

    def getValue(self, index=0):
        if self.choices:
            return float(self.choices.index(self.held))
        return self.value(index) if isinstance(self.held, list) else self.value()

    def getValueAt(self, time, index=0):
        return self.number(index, time)

    def evaluate(self):
        return self.node.nuke.substituted(self, str(self.held))

    def values(self):
        return list(self.choices)

    def setValues(self, choices):
        self.choices = list(choices)

    def setEnabled(self, enabled):
        self.enabled = bool(enabled)

    def setVisible(self, shown):
        self.shown = bool(shown)

    def execute(self):
        if self.kind == 22:
            self.node.nuke.run_code(self.script, self.node)
        elif self._name in BUTTONS:
            self.node.nuke.pressed(self)
        else:
            raise RuntimeError(f"{self._name} is no button")
