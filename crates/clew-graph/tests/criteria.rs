//! Criteria other than a name at the end, and everything that is refused.

mod kit;

use clew_trace::{Access, ExternalKind, FlowKind};
use kit::run;

#[test]
fn a_name_after_a_line() {
    run("x = 1\ny = x\nx = 2\nz = x\n").gives("x@1", "x = 1\n").gives("x@2", "x = 1\n").gives("x@3", "x = 2\n");
}

#[test]
fn changes_after_the_line_do_not_count() {
    run("xs = []\nxs.append(1)\nxs.append(2)\nxs = []\n")
        .binding("xs", Some(4), &[3])
        .flow_of(3, 2, FlowKind::Mutate)
        .gives("xs@2", "xs = []\nxs.append(1)\n")
        .gives("xs@3", "xs = []\nxs.append(1)\nxs.append(2)\n");
}

#[test]
fn detached_parts_are_found_by_name() {
    run("d = {'a': []}\nd['a'].append(1)\nn = 1\ndel d['a']\n")
        .binding("d", None, &[4])
        .gives("d@3", "d = {'a': []}\nd['a'].append(1)\n");
}

#[test]
fn lines_in_loops() {
    let source = "t = 0\nfor i in range(3):\n    t += i\n    u = t\n    t += 1\n";
    run(source)
        .says("t@4", "refused: `t` just after line 4 is changed again by line 5 in the same loop, which the value needs; ask for `t` at the end, or copy it under another name")
        .gives("u@4", "t = 0\nfor i in range(3):\n    t += i\n    u = t\n    t += 1\n")
        .gives("t@5", "t = 0\nfor i in range(3):\n    t += i\n    t += 1\n")
        .gives("i@4", "for i in range(3):\n    pass\n");
    run("for i in range(3):\n    x = i\n    if i == 1:\n        y = x\n")
        .gives("y@4", "for i in range(3):\n    x = i\n    if i == 1:\n        y = x\n");
    run("for i in range(3):\n    x = i\n    if i == 1:\n        print(x)\n")
        .says("x@4", "refused: `x` just after line 4 is changed again by line 2 in the same loop, which the value needs; ask for `x` at the end, or copy it under another name");
}

#[test]
fn the_line_of_a_loop_means_its_end() {
    run("t = 0\nfor i in range(3):\n    t += i\nt = 5\n").gives("t@2", "t = 0\nfor i in range(3):\n    t += i\n");
}

#[test]
fn unknown_and_unbound_names() {
    run("accuracy = 1\nif accuracy > 2:\n    other = 1\n")
        .not_run(&[3])
        .says("acuracy", "error: no top-level variable `acuracy` in this run; did you mean `accuracy`?")
        .says("zzz", "error: no top-level variable `zzz` in this run; clew show lists them")
        .says(
            "other",
            "error: `other` was never bound in this run: line 3 did not run; run the program so that it does",
        );
    run("x = 1\ny = 2\n").says("y@1", "error: `y` is not bound yet after line 1; it is bound first at line 2");
    run("def f():\n    x = 1\n    return x\n\nx = f()\n").says(
        "x@2",
        "error: line 2 is inside `f`, where `x` may change between calls; ask for `x` or for a line at top level",
    );
}

#[test]
fn lines_without_statements() {
    run("x = 1\n\n# note\ny = 2\nif y > 3:\n    z = 1\n")
        .not_run(&[6])
        .says(":3", "error: line 3 holds no statement; the nearest are on lines 1 and 4")
        .says(":6", "error: line 6 did not run in this run; choose a line that ran")
        .gives(":4", "# note\ny = 2\n");
}

#[test]
fn files_that_were_written() {
    let source = "a = 1\nb = 2\nopen('out.csv', 'w').write(str(a))\nopen('out.csv', 'w').write(str(b))\nopen('other', 'w').write('x')\n";
    run(source)
        .external(3, ExternalKind::File, "/tmp/out.csv", Access::Write)
        .external(4, ExternalKind::File, "/tmp/out.csv", Access::Write)
        .external(5, ExternalKind::File, "/tmp/other", Access::Write)
        .gives("file:out.csv", "b = 2\nopen('out.csv', 'w').write(str(b))\n")
        .says("file:out.cvs", "error: this run did not write `out.cvs`; did you mean `/tmp/out.csv`?");
}

#[test]
fn files_written_through_a_handle() {
    let source = "with open('o', 'w') as f:\n    f.write('a')\n    print('x')\nf2 = open('p')\nt = f2.read()\n";
    run(source)
        .external(1, ExternalKind::File, "/w/o", Access::Write)
        .external(4, ExternalKind::File, "/w/p", Access::Read)
        .gives("file:o", "with open('o', 'w') as f:\n    f.write('a')\n")
        .says("file:p", "error: this run only read `p`, at line 4; ask for something that it wrote");
}

#[test]
fn artifacts() {
    let source = "import clew\nm = [1]\nm.append(2)\nprint(m)\nclew.save(m, 'model')\n";
    run(source)
        .artifact("model", 5, &[3])
        .gives("artifact:model", "import clew\nm = [1]\nm.append(2)\nclew.save(m, 'model')\n")
        .says("artifact:modle", "error: no artifact `modle` was saved in this run; did you mean `model`?");
}

#[test]
fn what_differs_from_run_to_run_is_refused() {
    let source = "import time\nt = time.time()\nx = 1\n";
    run(source)
        .external(2, ExternalKind::Clock, "time", Access::Read)
        .says("t", "refused: the value depends on the clock (line 2), which differs from run to run; save it with `clew.save` where it is made")
        .gives("x", "x = 1\n");
    let source = "import random\nx = random.random()\nrandom.seed(1)\ny = random.random()\n";
    run(source)
        .external(2, ExternalKind::Random, "random", Access::Update)
        .external(3, ExternalKind::Random, "random", Access::Write)
        .external(4, ExternalKind::Random, "random", Access::Update)
        .says("x", "refused: the value depends on random numbers that were not seeded (random) (line 2), which differs from run to run; seed it first");
}

#[test]
fn timing_inside_functions_may_be_dropped() {
    let source = "import time\n\ndef fit(x):\n    t0 = time.time()\n    y = x * 2\n    print(time.time() - t0)\n    return y\n\nm = fit(1)\n";
    run(source)
        .external(9, ExternalKind::Clock, "time", Access::Read)
        .gives("m", "def fit(x):\n    y = x * 2\n    return y\n\nm = fit(1)\n");
}

#[test]
fn files_that_the_run_changed_since() {
    let source = "n = int(open('n').read())\nm = n + 1\nopen('n', 'w').write(str(m))\n";
    run(source)
        .external(1, ExternalKind::File, "/n", Access::Read)
        .external(3, ExternalKind::File, "/n", Access::Write)
        .says("m", "refused: line 1 used `/n` as it was before the run changed it (line 3); restore it, or copy it first, then slice the copy's run");
    let source = "open('n', 'w').write('1')\nn = open('n').read()\n";
    run(source)
        .external(1, ExternalKind::File, "/n", Access::Write)
        .external(2, ExternalKind::File, "/n", Access::Read)
        .flow(2, 1)
        .gives("n", "open('n', 'w').write('1')\nn = open('n').read()\n");
}

#[test]
fn degraded_records_are_refused_where_it_matters() {
    run("x = 1\ny = 2\nz = x\n")
        .degraded("threads changed shared objects at line 3")
        .gives("x@1", "x = 1\n")
        .says("z", "refused: the record of this run is not complete: threads changed shared objects at line 3; a slice could miss a statement");
}
