# SPDX-License-Identifier: Apache-2.0
# Runs a Nuke script in a Tcl interpreter and returns what it builds: records divided by \x1e,
# fields by \x1f. NODE group name class input... | KNOB node key value | USER node definition |
# LAYER group definition | FAULT text.
namespace eval nk {
    variable records {}
    variable stack {}
    variable saved {}
    variable path {}
    variable count 0

    proc say {args} {
        variable records
        lappend records [join $args \x1f]
    }

    proc pop {who} {
        variable stack
        variable path
        if {[llength $stack] == 0} {
            if {[llength $path]} { say FAULT "$who takes an input from an empty stack" }
            return -
        }
        set top [lindex $stack end]
        set stack [lrange $stack 0 end-1]
        return $top
    }

    proc node {class body} {
        variable stack
        variable saved
        variable path
        variable count
        if {[llength $body] % 2} { say FAULT "$class: odd number of words in its body" }
        set inputs 1
        set name "$class[incr count]"
        foreach {key value} $body {
            if {$key eq "inputs"} { set inputs $value }
            if {$key eq "name"} { set name $value }
        }
        if {$class eq "Input"} { set inputs 0 }
        set taken {}
        foreach part [split $inputs +] {
            for {set i 0} {$i < $part} {incr i} { lappend taken [pop $name] }
        }
        say NODE [join $path .] $name $class $inputs {*}$taken
        foreach {key value} $body {
            if {$key eq "addUserKnob"} {
                say USER $name [join $value \x1d]
            } elseif {$key ni {inputs name}} {
                say KNOB $name $key $value
            }
        }
        if {$class in {Group Gizmo}} {
            lappend saved $stack $name
            lappend path $name
            set stack {}
        } else {
            lappend stack $name
        }
    }

    proc end {} {
        variable stack
        variable saved
        variable path
        if {[llength $path] == 0} { say FAULT "end_group without a group"; return }
        set name [lindex $saved end]
        set stack [concat [lindex $saved end-1] [list $name]]
        set saved [lrange $saved 0 end-2]
        set path [lrange $path 0 end-1]
    }

    proc result {} {
        variable records
        variable path
        if {[llength $path]} { say FAULT "a group is not ended" }
        return [join $records \x1e]
    }
}

proc stack {depth} {
    if {$depth >= [llength $nk::stack]} {
        nk::say FAULT "stack $depth of [llength $nk::stack]"
        return -
    }
    return [lindex $nk::stack end-$depth]
}
proc push {name} { lappend nk::stack [expr {$name eq "0" ? "-" : $name}] }
proc add_layer {definition} { nk::say LAYER [join $nk::path .] {*}$definition }
proc version {args} {}
proc end_group {} { nk::end }
proc unknown {class args} {
    if {[llength $args] != 1} { nk::say FAULT "unknown command $class"; return }
    nk::node $class [lindex $args 0]
}
