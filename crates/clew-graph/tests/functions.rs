//! Slices through functions, classes and imported modules.

mod kit;

use clew_trace::{FlowKind, WriteKind};
use kit::run;

#[test]
fn functions_are_sliced_inside() {
    let source = "import math\n\ndef area(r, verbose=False):\n    \"\"\"Area of a circle.\"\"\"\n    if verbose:\n        print('r', r)\n    label = 'area'\n    print(label)\n    return math.pi * r ** 2\n\nx = area(2)\n";
    run(source)
        .not_run(&[6])
        .gives("x", "import math\n\ndef area(r, verbose=False):\n    return math.pi * r ** 2\n\nx = area(2)\n");
}

#[test]
fn callees_of_dropped_statements_fall_away() {
    let source = "def log(m):\n    print(m)\n\ndef f(x):\n    log(x)\n    return x + 1\n\ny = f(1)\n";
    run(source).gives("y", "def f(x):\n    return x + 1\n\ny = f(1)\n");
}

#[test]
fn effects_of_callees_count() {
    let source = "calls = []\n\ndef note(m):\n    calls.append(m)\n\ndef f(x):\n    note(x)\n    return x + 1\n\ny = f(1)\nn = len(calls)\n";
    run(source).flow(11, 10).gives("n", source);
}

#[test]
fn globals_read_by_functions_are_needed_at_the_call() {
    let source = "rate = 1\n\ndef f(x):\n    return x * rate\n\na = f(1)\nrate = 2\nb = f(1)\n";
    run(source)
        .gives("b", "def f(x):\n    return x * rate\n\nrate = 2\nb = f(1)\n")
        .gives("a", "rate = 1\n\ndef f(x):\n    return x * rate\n\na = f(1)\n");
}

#[test]
fn globals_bound_by_functions() {
    let source = "count = 0\n\ndef bump():\n    global count\n    count += 1\n    print(count)\n\nbump()\nx = 5\nbump()\ny = count\n";
    run(source).gives("y", "count = 0\n\ndef bump():\n    global count\n    count += 1\n\nbump()\nbump()\ny = count\n");
}

#[test]
fn containers_made_inside_are_local() {
    let source = "def f(xs):\n    seen = []\n    out = []\n    for x in xs:\n        seen.append(x)\n        out.append(x + 1)\n    return out\n\ny = f([1])\n";
    run(source).gives(
        "y",
        "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x + 1)\n    return out\n\ny = f([1])\n",
    );
}

#[test]
fn objects_from_elsewhere_are_not_local() {
    let source = "def f(xs):\n    ys = xs\n    ys.append(1)\n    return 0\n\nzs = []\ny = f(zs)\n";
    run(source).binding("zs", None, &[7]).gives("zs", source).gives("y", source);
}

#[test]
fn closures_and_nonlocal() {
    let source = "def make():\n    n = 0\n    unused = 5\n    def step():\n        nonlocal n\n        n += 1\n        print(n)\n        return n\n    return step\n\ns = make()\na = s()\n";
    run(source).enters(12, "step").gives(
        "a",
        "def make():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step\n\ns = make()\na = s()\n",
    );
}

#[test]
fn early_returns_and_bare_returns() {
    let source = "def f(x, out):\n    if x < 0:\n        print('neg')\n        return\n    out.append(x)\n\nxs = []\nf(1, xs)\nf(-1, xs)\n";
    run(source)
        .binding("xs", None, &[8])
        .gives("xs", "def f(x, out):\n    if x < 0:\n        return\n    out.append(x)\n\nxs = []\nf(1, xs)\n");
}

#[test]
fn raising_functions_keep_what_raises() {
    let source = "def check(x):\n    if x < 0:\n        raise ValueError(x)\n    print('ok')\n\ndef load(x):\n    check(x)\n    return x\n\nr = []\nfor v in [1, -1]:\n    try:\n        y = load(v)\n        r.append(y)\n    except ValueError:\n        pass\n";
    run(source).raised(12, 13).binding("r", None, &[14]).gives(
        "r",
        "def check(x):\n    if x < 0:\n        raise ValueError(x)\n\ndef load(x):\n    check(x)\n    return x\n\nr = []\nfor v in [1, -1]:\n    try:\n        y = load(v)\n        r.append(y)\n    except ValueError:\n        pass\n",
    );
}

#[test]
fn builtin_exceptions_from_inside_functions() {
    let source = "def is_number(s):\n    int(s)\n    return True\n\ndef parse(s):\n    try:\n        is_number(s)\n    except ValueError:\n        return None\n    return s\n\na = parse('x')\n";
    run(source).raised(6, 7).gives(
        "a",
        "def is_number(s):\n    int(s)\n    return True\n\ndef parse(s):\n    try:\n        is_number(s)\n    except ValueError:\n        return None\n    return s\n\na = parse('x')\n",
    );
}

#[test]
fn generators_stay_generators() {
    let source = "def gen(n):\n    for i in range(n):\n        print(i)\n        yield i\n\ng = gen(3)\nxs = list(g)\n";
    run(source)
        .enters(7, "gen")
        .gives("xs", "def gen(n):\n    for i in range(n):\n        yield i\n\ng = gen(3)\nxs = list(g)\n");
    run(source).never_enters("gen").gives("g", "def gen(n):\n    yield\n\ng = gen(3)\n");
}

#[test]
fn functions_that_were_never_entered_are_emptied() {
    let source = "def helper(x):\n    return x\n\ntable = {'h': helper}\nn = len(table)\n";
    run(source)
        .never_enters("helper")
        .gives("n", "def helper(x):\n    pass\n\ntable = {'h': helper}\nn = len(table)\n");
}

#[test]
fn decorators_and_wrappers() {
    let source = "import functools\n\ndef timed(f):\n    @functools.wraps(f)\n    def wrapper(*a):\n        print('start')\n        return f(*a)\n    return wrapper\n\n@timed\ndef square(x):\n    return x * x\n\ny = square(3)\n";
    run(source).enters(14, "wrapper").enters(10, "timed").gives(
        "y",
        "import functools\n\ndef timed(f):\n    @functools.wraps(f)\n    def wrapper(*a):\n        return f(*a)\n    return wrapper\n\n@timed\ndef square(x):\n    return x * x\n\ny = square(3)\n",
    );
}

#[test]
fn registries_filled_by_decorators() {
    let source = "registry = {}\n\ndef register(f):\n    registry[f.__name__] = f\n    return f\n\n@register\ndef double(x):\n    return 2 * x\n\nr = registry['double'](4)\n";
    run(source).flow(11, 7).enters(11, "double").gives("r", source);
}

#[test]
fn plain_classes_keep_what_is_mentioned() {
    let source = "class Point:\n    \"\"\"A point.\"\"\"\n    unit = 'm'\n    count = 0\n\n    def __init__(self, x):\n        self.x = x\n        self.log = []\n\n    def norm(self):\n        return abs(self.x)\n\n    def show(self):\n        print(self.unit, self.x)\n\np = Point(3)\np.show()\nn = p.norm()\n";
    run(source).gives(
        "n",
        "class Point:\n    def __init__(self, x):\n        self.x = x\n        self.log = []\n\n    def norm(self):\n        return abs(self.x)\n\np = Point(3)\nn = p.norm()\n",
    );
}

#[test]
fn dataclasses_keep_their_fields() {
    let source = "from dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: int\n    y: int = 0\n\n    def area(self):\n        return self.x * self.y\n\n    def unused(self):\n        return 1\n\np = P(1, 2)\na = p.area()\n";
    run(source).never_enters("unused").gives(
        "a",
        "from dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: int\n    y: int = 0\n\n    def area(self):\n        return self.x * self.y\n\np = P(1, 2)\na = p.area()\n",
    );
}

#[test]
fn foreign_bases_keep_entered_and_special_methods() {
    let source = "import html.parser\n\nclass Links(html.parser.HTMLParser):\n    depth = 0\n\n    def handle_starttag(self, tag, attrs):\n        found.append(tag)\n\n    def handle_data(self, data):\n        pass\n\nfound = []\nLinks().feed('<a>')\n";
    run(source)
        .enters(13, "handle_starttag")
        .binding("found", None, &[13])
        .gives(
            "found",
            "import html.parser\n\nclass Links(html.parser.HTMLParser):\n    depth = 0\n\n    def handle_starttag(self, tag, attrs):\n        found.append(tag)\n\nfound = []\nLinks().feed('<a>')\n",
        );
}

#[test]
fn inheritance_and_super() {
    let source = "class A:\n    def __init__(self):\n        self.a = 1\n\nclass B(A):\n    def __init__(self):\n        super().__init__()\n        self.b = 2\n        print('made')\n\nb = B()\nx = b.a\n";
    run(source).enters(11, "__init__").gives(
        "x",
        "class A:\n    def __init__(self):\n        self.a = 1\n\nclass B(A):\n    def __init__(self):\n        super().__init__()\n        self.b = 2\n\nb = B()\nx = b.a\n",
    );
}

#[test]
fn properties_and_setters() {
    let source = "class C:\n    def __init__(self):\n        self._v = 0\n\n    @property\n    def v(self):\n        return self._v\n\n    @v.setter\n    def v(self, value):\n        self._v = value\n\nc = C()\nc.v = 3\nx = c.v\n";
    run(source).flow(15, 14).gives("x", source);
}

#[test]
fn modules_of_the_user_are_kept_by_their_import() {
    let helper = "def load(p):\n    return clean([p])\n\ndef clean(xs):\n    xs.append(1)\n    return xs\n";
    let source = "import os\nimport helper\nprint(os.getcwd())\nd = helper.load('x')\nn = len(d)\n";
    run(source).module("helper", helper, 2).gives("n", "import helper\nd = helper.load('x')\nn = len(d)\n");
}

#[test]
fn modules_imported_by_others() {
    let helper = "def go(cb):\n    return cb()\n";
    let source = "import first\nfrom second import go\n\ndef cb():\n    print('x')\n    return 1\n\nn = go(cb)\n";
    run(source)
        .module("second", helper, 1)
        .gives("n", "from second import go\n\ndef cb():\n    return 1\n\nn = go(cb)\n");
}

#[test]
fn globals_of_imported_modules() {
    let helper =
        "level = 0\n\ndef set_level(n):\n    global level\n    level = n\n\ndef current():\n    return level\n";
    let source = "import conf\nx = 1\nconf.set_level(3)\ny = conf.current()\n";
    run(source).module("conf", helper, 1).gives("y", "import conf\nconf.set_level(3)\ny = conf.current()\n");
}

#[test]
fn callbacks_held_by_libraries() {
    let source = "import atexit_like as lib\n\ndef hook(x):\n    return x + 1\n\nlib.on_value(hook)\nv = lib.fire(1)\n";
    run(source).enters(7, "hook").touch(6, WriteKind::Object).gives("v", source);
}

#[test]
fn callbacks_given_on_the_spot() {
    let source = "def key(x):\n    print(x)\n    return -x\n\nxs = [1, 2]\nys = sorted(xs, key=key)\n";
    run(source).gives("ys", "def key(x):\n    return -x\n\nxs = [1, 2]\nys = sorted(xs, key=key)\n");
}

#[test]
fn recursion() {
    let source =
        "def fact(n):\n    print(n)\n    if n < 2:\n        return 1\n    return n * fact(n - 1)\n\nx = fact(5)\n";
    run(source)
        .gives("x", "def fact(n):\n    if n < 2:\n        return 1\n    return n * fact(n - 1)\n\nx = fact(5)\n");
}

#[test]
fn loops_in_functions() {
    let source = "def find(xs, t):\n    steps = 0\n    for i, x in enumerate(xs):\n        steps += 1\n        if x == t:\n            break\n    else:\n        i = -1\n    print(steps)\n    return i\n\np = find([1, 2], 2)\nq = find([1], 5)\n";
    run(source).untouch(4).gives(
        "p",
        "def find(xs, t):\n    for i, x in enumerate(xs):\n        if x == t:\n            break\n    else:\n        i = -1\n    return i\n\np = find([1, 2], 2)\n",
    );
}

#[test]
fn functions_that_see_all_their_variables() {
    let source = "def f(x):\n    y = x + 1\n    z = 2\n    print(y)\n    return locals()\n\nd = f(1)\n";
    run(source).gives("d", "def f(x):\n    y = x + 1\n    z = 2\n    return locals()\n\nd = f(1)\n");
}

#[test]
fn one_statement_of_a_function() {
    let source = "def f(x):\n    a = x + 1\n    b = a * 2\n    c = 3\n    return c\n\nu = 7\nf(u)\nf(8)\n";
    run(source).gives(":3", "def f(x):\n    a = x + 1\n    b = a * 2\n    c = 3\n    return c\n\nu = 7\nf(u)\nf(8)\n");
}

#[test]
fn docstrings_that_are_asked_for() {
    let source = "\"\"\"Usage.\"\"\"\n\ndef f():\n    \"\"\"Doc.\"\"\"\n    return 1\n\nx = f()\nd = __doc__\n";
    run(source).gives("d", "\"\"\"Usage.\"\"\"\n\nd = __doc__\n").gives("x", "def f():\n    return 1\n\nx = f()\n");
}

#[test]
fn methods_reached_through_getattr() {
    let source = "class V:\n    def visit_a(self):\n        return 1\n\n    def visit_b(self):\n        return 2\n\nv = V()\nname = 'visit_' + 'a'\nx = getattr(v, name)()\n";
    run(source).enters(10, "visit_a").gives(
        "x",
        "class V:\n    def visit_a(self):\n        return 1\n\nv = V()\nname = 'visit_' + 'a'\nx = getattr(v, name)()\n",
    );
}

#[test]
fn writes_through_a_method_keep_the_object_whole() {
    let source = "class Acc:\n    def __init__(self):\n        self.items = []\n\n    def add(self, x):\n        self.items.append(x)\n        print(x)\n\na = Acc()\na.add(1)\nprint(a.items)\nb = Acc()\nb.add(5)\nn = len(a.items)\n";
    run(source)
        .flow(14, 10)
        .flow_of(10, 9, FlowKind::Mutate)
        .gives(
            "n",
            "class Acc:\n    def __init__(self):\n        self.items = []\n\n    def add(self, x):\n        self.items.append(x)\n\na = Acc()\na.add(1)\nn = len(a.items)\n",
        );
}

#[test]
fn async_functions_keep_their_awaits() {
    let source = "import asyncio\n\nasync def work(x):\n    await asyncio.sleep(0)\n    print(x)\n    return x\n\nr = asyncio.run(work(1))\n";
    run(source).gives(
        "r",
        "import asyncio\n\nasync def work(x):\n    await asyncio.sleep(0)\n    return x\n\nr = asyncio.run(work(1))\n",
    );
}
