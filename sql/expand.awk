# expand.awk: templates to SQL
#
#	awk -v tables=FILE -v parts=FOLDER -f expand.awk TEMPLATE...  > script.sql
#
# Lines go to the output as they are, but for directives, each a line of its own:
#
#	-- @for TABLE CONDITION...	what follows up to @end, once for each row of a table
#							for which the conditions hold
#	-- @if CONDITION...		what follows up to @end, if the conditions hold
#	-- @end
#	-- @include FILE		a file of the folder, expanded as if it stood here
#	-- @added VERSION FILE	of that only what is there for a row, of whatever loop it is
#							in, whose column "since" is VERSION
#
# Within @for, @COLUMN@ is the row's value; loops nest, and inner names hide outer ones.
# A name may come of a value: @@COLUMN@@ is the column that COLUMN names.
# CONDITION is COLUMN=VALUE, or COLUMN alone: it is not "-".
#
# tables: sections "[TABLE]", then a line of column names, then rows, with tabs between
# columns; empty lines and lines that begin with # count for nothing.
#
# A mistake in either ends with status 1 and a message, so that no script is half made.

function fail(message)
{
	print message > "/dev/stderr"
	exit 1
}

function read_tables(	line, table, n, w, i)
{
	while ((getline line < tables) > 0) {
		if (line ~ /^\[/)
			table = substr(line, 2, index(line, "]") - 2)
		else if (line !~ /^(#|[ \t]*$)/) {
			n = split(line, w, "\t+")
			if (!(table in ncols)) {
				ncols[table] = n
				ntables++
			} else if (n != ncols[table])
				fail(tables ": " n " columns instead of " ncols[table] " in table " table ": " line)
			else
				nrows[table]++
			# the line of names is row 0
			for (i = 1; i <= n; i++) {
				cell[table, nrows[table] + 0, i] = w[i]
				if (w[i] == "since" && !nrows[table])
					since[table] = i
			}
		}
	}
	if (!(close(tables) == 0 && ntables))
		fail(tables ": cannot be read")
}

function replace(text, name, value,	at, done)
{
	while (at = index(text, name)) {
		done = done substr(text, 1, at - 1) value
		text = substr(text, at + length(name))
	}
	return done text
}

# the line with the values of all rows that it stands in; a name may come of a value
function substitute(line,	d, i, before)
{
	do {
		before = line
		for (d = depth; d > 0 && index(line, "@"); d--)
			for (i = 1; i <= ncols[table_at[d]]; i++)
				line = replace(line, "@" cell[table_at[d], 0, i] "@", cell[table_at[d], row_at[d], i])
	} while (line != before)
	return line
}

function value_of(column, where,	d, i)
{
	for (d = depth; d > 0; d--)
		for (i = 1; i <= ncols[table_at[d]]; i++)
			if (cell[table_at[d], 0, i] == column)
				return cell[table_at[d], row_at[d], i]
	fail(where ": no column " column)
}

# whether the words of a directive from a number on hold
function hold(w, first, n, where,	i, at)
{
	for (i = first; i <= n; i++) {
		at = index(w[i], "=")
		if (at ? value_of(substr(w[i], 1, at - 1), where) != substr(w[i], at + 1) : value_of(w[i], where) == "-")
			return 0
	}
	return 1
}

# whether a line counts: all do, but for those that @added leaves out
function counts(	d)
{
	if (added == "")
		return 1
	for (d = depth; d > 0; d--)
		if (cell[table_at[d], row_at[d], since[table_at[d]]] == added)
			return 1
	return 0
}

# the line of the @end that belongs to line i
function end_of(file, i,	open)
{
	for (open = 0; i <= nlines[file]; i++) {
		open += line_of[file, i] ~ /^-- @(for|if) /
		if (line_of[file, i] ~ /^-- @end$/ && --open == 0)
			return i
	}
	fail(file ": @for or @if without @end")
}

function repeat(file, i, end, w, n,	table)
{
	table = w[3]
	if (!(table in ncols))
		fail(file ":" i ": no table " table)
	depth++
	table_at[depth] = table
	for (row_at[depth] = 1; row_at[depth] <= nrows[table]; row_at[depth]++)
		if (hold(w, 4, n, file ":" i))
			expand(file, i + 1, end - 1)
	depth--
}

function expand(file, from, to,	i, line, n, w, end)
{
	for (i = from; i <= to; i++) {
		line = substitute(line_of[file, i])
		if (depth && match(line, /@[a-z_]+@/))
			fail(file ":" i ": no column " substr(line, RSTART, RLENGTH))
		if (line !~ /^-- @/) {
			if (counts())
				print line
			continue
		}
		n = split(line, w, " ")
		if (w[2] == "@include") {
			expand_file(parts "/" w[3])
			continue
		}
		if (w[2] == "@added") {
			added = w[3]
			expand_file(parts "/" w[4])
			added = ""
			continue
		}
		if (w[2] != "@for" && w[2] != "@if")
			fail(file ":" i ": " line)
		end = end_of(file, i)
		if (w[2] == "@for")
			repeat(file, i, end, w, n)
		else if (hold(w, 3, n, file ":" i))
			expand(file, i + 1, end - 1)
		i = end
	}
}

function expand_file(file,	line)
{
	if (!(file in nlines)) {
		nlines[file] = 0
		while ((getline line < file) > 0)
			line_of[file, ++nlines[file]] = line
		if (close(file) != 0 || !nlines[file])
			fail(file ": cannot be read")
	}
	expand(file, 1, nlines[file])
}

BEGIN {
	read_tables()
	for (arg = 1; arg < ARGC; arg++)
		expand_file(ARGV[arg])
}
