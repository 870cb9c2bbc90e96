"""A stand-in for rules_python: enough of py_library and py_test to check this repository's graph with an old Bazel, offline.

Stricter than the original: a library is built by reading its imports, and each must be a source of its own or of a dependency
that it declares itself. A test runs with nothing but its runfiles and the site-packages of the `python3` on PATH, so that an
editable install of the checkout cannot stand in for a missing dependency.
"""

PySourcesInfo = provider(
    doc = "Python sources and data of a library.",
    fields = {"direct": "its own files", "all": "its own and its dependencies' files"},
)

_ATTRIBUTES = {
    "srcs": attr.label_list(allow_files = [".py"]),
    "data": attr.label_list(allow_files = True),
    "deps": attr.label_list(providers = [PySourcesInfo]),
}

def _sources(ctx):
    own = ctx.files.srcs + ctx.files.data
    below = [dependency[PySourcesInfo] for dependency in ctx.attr.deps]
    return PySourcesInfo(
        direct = depset(own),
        all = depset(own, transitive = [sources.all for sources in below]),
    )

def _library_impl(ctx):
    checked = ctx.actions.declare_file(ctx.label.name + ".imports_checked")
    declared = depset(ctx.files.srcs, transitive = [dependency[PySourcesInfo].direct for dependency in ctx.attr.deps])
    arguments = ctx.actions.args()
    arguments.add(ctx.file._check)
    arguments.add(checked)
    arguments.add(ctx.label)
    arguments.add_all(ctx.files.srcs)
    arguments.add("--")
    arguments.add_all(declared)
    ctx.actions.run_shell(
        command = 'python3 -S "$@"',
        arguments = [arguments],
        inputs = depset([ctx.file._check], transitive = [declared]),
        outputs = [checked],
        mnemonic = "CheckImports",
        progress_message = "Checking the imports of %s" % ctx.label,
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset([checked])), _sources(ctx)]

py_library = rule(
    implementation = _library_impl,
    attrs = dict(_ATTRIBUTES, _check = attr.label(
        default = "//python:check_imports.py",
        allow_single_file = True,
    )),
)

# -S: no .pth files, that is no editable install; -P: not the folder of the script, which resolves to the checkout.
_RUN = """#!/bin/sh
site=$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PYTHONPATH="$PWD:$site" exec python3 -S -P {main} "$@"
"""

def _test_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    main = ctx.file.main or ctx.files.srcs[0]
    ctx.actions.write(script, _RUN.format(main = main.short_path), is_executable = True)
    return [DefaultInfo(
        executable = script,
        runfiles = ctx.runfiles(transitive_files = _sources(ctx).all),
    )]

py_test = rule(
    implementation = _test_impl,
    attrs = dict(_ATTRIBUTES, main = attr.label(allow_single_file = True)),
    test = True,
)
