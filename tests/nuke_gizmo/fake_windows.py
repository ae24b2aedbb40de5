# SPDX-License-Identifier: Apache-2.0
"""Menus, the progress bar and panels of the stand-in for Nuke."""

import shlex


class FakeMenu:
    def __init__(self):
        self.menus, self.commands = {}, {}

    def addMenu(self, name, icon="", tooltip=""):
        return self.menus.setdefault(name, FakeMenu())

    def addCommand(self, name, command=None, shortcut="", icon="", tooltip=""):
        self.commands[name] = command

    def addSeparator(self):
        pass

    def findItem(self, name):
        return self.menus.get(name)


class FakeTask:
    """ProgressTask: remembers what it was told."""

    def __init__(self, name):
        self.name, self.progress, self.messages, self.cancelled = name, [], [], False
        FakeTask.latest = self

    def setMessage(self, text):
        self.messages.append(text)

    def setProgress(self, percent):
        assert isinstance(percent, int)
        self.progress.append(percent)

    def isCancelled(self):
        return self.cancelled


class FakePanel:
    """A dialog that is answered by `answers` of the module."""

    def __init__(self, title, width=0):
        self.title, self.fields = title, {}

    def _add(self, label, value):
        self.fields[label] = value
        return True

    addFilenameSearch = addSingleLineInput = addBooleanCheckBox = addNotepad = _add  # as documented

    def addEnumerationPulldown(self, label, values):
        self.fields[label] = shlex.split(values)[0]
        return True

    def show(self):
        answer = self.nuke.answers.pop(0)
        if answer is None:
            return 0
        for label in answer:
            assert label in self.fields, f"{self.title} has no field {label}"
        self.fields.update(answer)
        return 1

    def value(self, label):
        return self.fields[label]
