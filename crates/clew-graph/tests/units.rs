//! Slices of top-level code: names, flows of objects, loops, branches, exceptions.

mod kit;

use clew_trace::FlowKind;
use kit::run;

#[test]
fn names_are_followed_backwards() {
    run("a = 1\nb = 2\nc = a + 1\nprint(c)\n").gives("c", "a = 1\nc = a + 1\n").gives("b", "b = 2\n");
}

#[test]
fn a_later_binding_hides_an_earlier_one() {
    run("x = 1\nx = 2\ny = x\nx = 3\n").gives("y", "x = 2\ny = x\n").gives("x", "x = 3\n");
}

#[test]
fn augmented_assignment_needs_the_former_value() {
    run("x = 1\nx += 2\ny = 5\nx *= 3\n").gives("x", "x = 1\nx += 2\nx *= 3\n");
}

#[test]
fn changes_of_objects_come_from_the_run() {
    run("xs = []\nys = xs\nys.append(1)\nys.append(2)\nn = len(xs)\n")
        .flow(5, 4)
        .flow_of(4, 3, FlowKind::Mutate)
        .gives("n", "xs = []\nys = xs\nys.append(1)\nys.append(2)\nn = len(xs)\n");
}

#[test]
fn the_last_writers_of_a_value_are_kept() {
    run("xs = []\nys = xs\nys.append(1)\nprint(xs)\n")
        .binding("xs", None, &[3])
        .gives("xs", "xs = []\nys = xs\nys.append(1)\n");
}

#[test]
fn a_branch_that_was_taken_hides_what_it_overwrites() {
    let source = "flag = True\nx = 0\nif flag:\n    x = 1\nelse:\n    x = 2\ny = x\n";
    run(source).not_run(&[6]).gives("y", "flag = True\nif flag:\n    x = 1\ny = x\n");
}

#[test]
fn a_branch_that_was_not_taken_is_dropped() {
    run("flag = False\nx = 0\nif flag:\n    x = 1\ny = x\n").not_run(&[4]).gives("y", "x = 0\ny = x\n");
}

#[test]
fn the_else_branch_keeps_its_if() {
    run("flag = 0\nif flag:\n    x = 1\nelse:\n    # the rest\n    x = 2\n")
        .not_run(&[3])
        .gives("x", "flag = 0\nif flag:\n    pass\nelse:\n    # the rest\n    x = 2\n");
}

#[test]
fn elif_chains_stay_valid() {
    let source = "n = 2\nif n == 1:\n    x = 1\nelif n == 2:\n    x = 2\nelif n == 3:\n    x = 3\nelse:\n    x = 4\n";
    run(source).not_run(&[3, 6, 9]).gives("x", "n = 2\nif n == 1:\n    pass\nelif n == 2:\n    x = 2\n");
    run(source)
        .not_run(&[3, 5, 7])
        .gives("x", "n = 2\nif n == 1:\n    pass\nelif n == 2:\n    pass\nelif n == 3:\n    pass\nelse:\n    x = 4\n");
}

#[test]
fn loops_carry_values_from_turn_to_turn() {
    run("total = 0\nseen = []\nfor i in range(3):\n    seen.append(i)\n    total += i\n    print(i)\n")
        .gives("total", "total = 0\nfor i in range(3):\n    total += i\n");
}

#[test]
fn a_loop_that_ran_hides_what_its_body_overwrites() {
    run("x = 0\nfor i in range(3):\n    x = i\n").gives("x", "for i in range(3):\n    x = i\n");
    run("x = 0\nwhile x < 3:\n    x = x + 1\n").gives("x", "x = 0\nwhile x < 3:\n    x = x + 1\n");
    run("x = 0\nfor i in []:\n    x = i\n").not_run(&[3]).gives("x", "x = 0\n");
}

#[test]
fn the_target_of_a_loop_outlives_it() {
    run("for i in range(3):\n    print(i)\nlast = i\n").gives("last", "for i in range(3):\n    pass\nlast = i\n");
}

#[test]
fn break_decides_how_often_a_loop_runs() {
    let source = "n = 0\nlimit = 5\nk = 0\nfor i in range(10):\n    k += 1\n    if i > limit:\n        print(i)\n        break\n    n += i\n";
    run(source).gives("n", "n = 0\nlimit = 5\nfor i in range(10):\n    if i > limit:\n        break\n    n += i\n");
}

#[test]
fn continue_matters_only_to_what_it_skips() {
    let source = "a = 0\nb = 0\nfor i in range(9):\n    a += 1\n    if i % 2:\n        continue\n    b += 1\n";
    run(source)
        .gives("a", "a = 0\nfor i in range(9):\n    a += 1\n")
        .gives("b", "b = 0\nfor i in range(9):\n    if i % 2:\n        continue\n    b += 1\n");
}

#[test]
fn while_true_ends_by_break() {
    run("i = 0\nwhile True:\n    i += 1\n    print(i)\n    if i > 3:\n        break\ny = i\n")
        .gives("y", "i = 0\nwhile True:\n    i += 1\n    if i > 3:\n        break\ny = i\n");
}

#[test]
fn the_else_of_a_loop_keeps_its_loop() {
    run("for i in range(3):\n    print(i)\nelse:\n    done = 1\n")
        .gives("done", "for i in range(3):\n    pass\nelse:\n    done = 1\n");
    run("xs = [1, 2]\nfor i in xs:\n    if i > 5:\n        found = i\n        break\nelse:\n    found = None\n")
        .not_run(&[4, 5])
        .gives("found", "xs = [1, 2]\nfor i in xs:\n    pass\nelse:\n    found = None\n");
}

#[test]
fn an_exception_that_was_caught_keeps_its_raiser() {
    run("import json\ns = '{'\ntry:\n    print('trying')\n    v = json.loads(s)\nexcept ValueError as e:\n    print(e)\n    v = None\n")
        .raised(3, 5)
        .gives(
            "v",
            "import json\ns = '{'\ntry:\n    v = json.loads(s)\nexcept ValueError as e:\n    v = None\n",
        );
}

#[test]
fn a_try_without_exception_keeps_one_handler() {
    run("try:\n    import json\nexcept ImportError:\n    json = None\ny = json\n")
        .not_run(&[4])
        .gives("y", "try:\n    import json\nexcept ImportError:\n    pass\ny = json\n");
    run("f = open('x')\ntry:\n    y = f.read()\nfinally:\n    f.close()\n")
        .gives("y", "f = open('x')\ntry:\n    y = f.read()\nfinally:\n    pass\n");
}

#[test]
fn statements_after_a_raiser_need_it() {
    let source = "n = 0\nfor s in ['1', 'x']:\n    try:\n        int(s)\n        n += 1\n    except ValueError:\n        print(s)\n";
    run(source).raised(3, 4).gives(
        "n",
        "n = 0\nfor s in ['1', 'x']:\n    try:\n        int(s)\n        n += 1\n    except ValueError:\n        pass\n",
    );
}

#[test]
fn a_handler_that_ran_stays_when_its_exception_still_comes() {
    let source = "d = {}\nfor k in 'ab':\n    try:\n        v = d[k]\n    except KeyError:\n        print('no', k)\n    d[k] = 1\nn = len(d)\n";
    run(source)
        .raised(3, 4)
        .flow(8, 7)
        .flow(4, 7)
        .gives("n", "d = {}\nfor k in 'ab':\n    d[k] = 1\nn = len(d)\n")
        .gives(
            "v",
            "d = {}\nfor k in 'ab':\n    try:\n        v = d[k]\n    except KeyError:\n        pass\n    d[k] = 1\n",
        );
}

#[test]
fn the_statement_that_ended_the_program_ends_loops() {
    let source = "x = 0\nfor i in range(10):\n    x = i\n    if i == 5:\n        raise SystemExit\ny = 1\n";
    run(source)
        .not_run(&[6])
        .ended_by(5)
        .gives("x", "for i in range(10):\n    x = i\n    if i == 5:\n        raise SystemExit\n");
    run("x = 1\nimport sys\nsys.exit(x)\n").ended_by(3).gives("x", "x = 1\n");
}

#[test]
fn with_headers_stay_around_what_they_hold() {
    run("import numpy as np\nwith np.errstate(all='ignore'):\n    a = 1\n    b = a / 2\n")
        .gives("b", "import numpy as np\nwith np.errstate(all='ignore'):\n    a = 1\n    b = a / 2\n")
        .gives("a", "import numpy as np\nwith np.errstate(all='ignore'):\n    a = 1\n");
}

#[test]
fn a_with_that_swallows_keeps_the_raiser() {
    let source = "from contextlib import suppress\nn = 0\nfor s in ['1', 'x']:\n    with suppress(ValueError):\n        int(s)\n        n += 1\n";
    run(source).raised(4, 5).gives("n", source);
}

#[test]
fn match_keeps_the_cases_that_matched_before() {
    let source = "n = 0\nfor v in [1, 'a', [2]]:\n    match v:\n        case int():\n            print(v)\n        case str():\n            print('s')\n        case [x]:\n            n += x\n        case _:\n            n = -1\n";
    run(source).not_run(&[11]).gives(
        "n",
        "n = 0\nfor v in [1, 'a', [2]]:\n    match v:\n        case int():\n            pass\n        case str():\n            pass\n        case [x]:\n            n += x\n",
    );
}

#[test]
fn deletion_and_rebinding() {
    run("x = 1\ndel x\nx = 2\ny = x\n").gives("y", "x = 2\ny = x\n");
    run("x = 1\ndel x\n").says("x", "error: `x` was deleted at line 2; ask for `x@LINE` with a line before it");
}

#[test]
fn submodules_need_their_import() {
    run("import os.path\nimport os\np = os.path.join('a', 'b')\n")
        .gives("p", "import os.path\nimport os\np = os.path.join('a', 'b')\n");
    run("import sklearn\nfrom sklearn.datasets import load_iris\nx = sklearn.datasets.load_wine()\n")
        .gives("x", "import sklearn\nfrom sklearn.datasets import load_iris\nx = sklearn.datasets.load_wine()\n");
}

#[test]
fn star_imports_may_bind_anything() {
    run("x = 1\nfrom math import *\ny = sqrt(4)\nz = x\n")
        .gives("y", "from math import *\ny = sqrt(4)\n")
        .gives("z", "x = 1\nfrom math import *\nz = x\n");
}

#[test]
fn names_read_by_text_at_run_time() {
    run("a = 1\nb = 2\nc = eval('a + 1')\n").gives("c", "a = 1\nb = 2\nc = eval('a + 1')\n");
    run("limit = 3\nother = 4\ndf = make()\nkept = df.query('x > @limit')\n")
        .gives("kept", "limit = 3\ndf = make()\nkept = df.query('x > @limit')\n");
}

#[test]
fn future_imports_stay() {
    run("from __future__ import annotations\nimport os\nx = 1\n")
        .gives("x", "from __future__ import annotations\nx = 1\n");
}

#[test]
fn walrus_and_unpacking() {
    run("data = [1, 2]\nif (n := len(data)) > 1:\n    print(n)\na, b = data\ny = n\n")
        .gives("y", "data = [1, 2]\nif (n := len(data)) > 1:\n    pass\ny = n\n")
        .gives("b", "data = [1, 2]\na, b = data\n");
}

#[test]
fn generator_expressions_are_read_late() {
    run("k = 2\ng = (x * k for x in range(3))\nk = 3\ns = sum(g)\n")
        .enters(4, "<genexpr>")
        .gives("s", "k = 2\ng = (x * k for x in range(3))\nk = 3\ns = sum(g)\n");
}

#[test]
fn lambdas_read_late() {
    run("k = 2\nf = lambda x: x * k\nk = 3\ns = f(1)\n").gives("s", "f = lambda x: x * k\nk = 3\ns = f(1)\n");
}

#[test]
fn nested_loops_and_conditions() {
    let source = "out = 0\nfor i in range(3):\n    for j in range(3):\n        if j > i:\n            break\n        if i == j:\n            continue\n        out += 1\n    print(out)\n";
    run(source).gives(
        "out",
        "out = 0\nfor i in range(3):\n    for j in range(3):\n        if j > i:\n            break\n        if i == j:\n            continue\n        out += 1\n",
    );
}

#[test]
fn a_name_bound_on_one_path_only() {
    run("import sys\nif sys.argv:\n    x = 1\ny = x\n").gives("y", "import sys\nif sys.argv:\n    x = 1\ny = x\n");
}

#[test]
fn try_else_and_finally() {
    let source = "try:\n    a = int('1')\nexcept ValueError:\n    a = 0\nelse:\n    b = a\nfinally:\n    c = 1\n";
    run(source)
        .not_run(&[4])
        .gives("b", "try:\n    a = int('1')\nexcept ValueError:\n    pass\nelse:\n    b = a\n")
        .gives("c", "try:\n    pass\nfinally:\n    c = 1\n")
        .gives("a", "try:\n    a = int('1')\nfinally:\n    pass\n");
}

#[test]
fn a_pattern_binds_though_its_guard_fails() {
    let source = "xs = [1, 2]\nmatch xs:\n    case [a, *_] if a > 5:\n        y = 1\n    case [_, b]:\n        y = 2\n";
    run(source).not_run(&[4]).gives(
        "a",
        "xs = [1, 2]\nmatch xs:\n    case [a, *_] if a > 5:\n        pass\n    case [_, b]:\n        pass\n",
    );
}

#[test]
fn a_generator_that_was_not_used_up_reads_names_at_the_end() {
    run("n = 1\ng = (n for x in [1])\nn += 1\n").gives("g", "n = 1\ng = (n for x in [1])\nn += 1\n");
}

#[test]
fn trying_a_pattern_may_run_code() {
    let source = "class P:\n    asked = 0\n    __match_args__ = ('x',)\n    @property\n    def x(self):\n        P.asked += 1\n        return 0\n\nmatch P():\n    case P(1):\n        a = 1\n    case P(0):\n        a = 2\nn = P.asked\n";
    run(source).not_run(&[11]).enters(9, "x").flow(14, 9).gives(
        "n",
        "class P:\n    asked = 0\n    __match_args__ = ('x',)\n    @property\n    def x(self):\n        P.asked += 1\n        return 0\n\nmatch P():\n    case P(1):\n        pass\n    case P(0):\n        pass\nn = P.asked\n",
    );
}
