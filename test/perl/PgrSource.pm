# PgrSource: the C sources as functions, for the checks of the house's own rules.
# It reads pgindent's layout (a function's name begins a line, its braces stand
# in column one), not C; what macros make is not seen.
package PgrSource;

use strict;
use warnings;
use Exporter 'import';
our @EXPORT_OK = qw(source_files read_file blank_comments functions circles);

sub source_files { return sort(glob('src/*.[ch] src/*/*.[ch]')); }

sub read_file
{
	my ($file) = @_;
	open my $fh, '<', $file or die "$file: $!\n";
	local $/;
	return scalar <$fh>;
}

# The text with comments and the insides of literals made blank; lines stay.
sub blank_comments
{
	my ($text) = @_;
	$text =~ s{(/\*.*?\*/)|("(?:\\.|[^"\\\n])*")|('(?:\\.|[^'\\\n])+')}
			  { my $x = $1 // $2 // $3; $x =~ s/[^\n]/ /g; $x }gsex;
	return $text;
}

# functions(FILE, TEXT): one hash a function: name, file, static, line (of the
# name), lines (of the body, braces not counted), head (return type, name and
# parameters), comment (the one that ends on the line above, with what other
# comments the body has in `inner`), body (without comments).
sub functions
{
	my ($file, $text) = @_;
	my $code = blank_comments($text);
	my @found;
	while ($code =~ /^((?:[A-Za-z_][\w \t\*]*\n)?)([a-z_]\w*)\(([^;{}]*?)\)[ \t]*\n\{\n(.*?)^\}/msg)
	{
		my ($type, $name, $args, $body, $from, $at, $to) = ($1, $2, $3, $4, $-[0], $-[2], $+[0]);
		my $above = substr($text, 0, $from);
		my ($comment) = $above =~ m{(/\*(?:(?!\*/).)*\*/)\n\z}s;
		my $whole = substr($text, $from, $to - $from);
		push @found,
		  {
			name => $name, file => $file, head => "$type$name($args)",
			static => $type =~ /\bstatic\b/ ? 1 : 0,
			line => 1 + (substr($text, 0, $at) =~ tr/\n//),
			lines => ($body =~ tr/\n//), body => $body,
			comment => $comment // '',
			inner => join(' ', $whole =~ m{/\*.*?\*/}gs),
		  };
	}
	return @found;
}

# circles(EDGES): EDGES->{a}{b} is an arrow; the groups of more than one node
# each of which leads to all others, as arrays.
sub circles
{
	my ($edges) = @_;
	my %reach;
	for my $start (keys %$edges)
	{
		my @todo = ($start);
		while (defined(my $node = pop @todo))
		{
			for my $next (keys %{ $edges->{$node} // {} })
			{
				push @todo, $next unless $reach{$start}{$next}++;
			}
		}
	}
	my (@groups, %done);
	for my $node (sort keys %$edges)
	{
		next if $done{$node} || !$reach{$node}{$node};
		my @group = grep { $reach{$node}{$_} && $reach{$_}{$node} } sort keys %{ $reach{$node} };
		next if @group < 2;
		$done{$_} = 1 for @group;
		push @groups, \@group;
	}
	return @groups;
}

1;
