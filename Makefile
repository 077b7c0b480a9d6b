# pgretrieve: PGXS build. "make && make install"; VPATH builds work too:
#   mkdir b && cd b && make -f ../Makefile VPATH=..
# One portable binary: kernels carry their own target attributes and are chosen
# at run time, so no -march flag belongs here.

EXTENSION  = pgretrieve
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(S)pgretrieve.control)
MODULE_big = pgretrieve
S          = $(if $(VPATH),$(VPATH)/,)

# Sources are named by their path below src/, so that a VPATH build finds them.
SRCS = $(patsubst $(S)%,%,$(sort $(wildcard $(S)src/*.c $(S)src/*/*.c)))
OBJS = $(SRCS:.c=.o)

# 1.0 as it was, for databases that begin there: where an update must start from
DATA        = sql/$(EXTENSION)--1.0.sql
UPDATES     = $(patsubst $(S)%.in,%,$(sort $(wildcard $(S)sql/*--*--*.sql.in)))
DATA_built  = sql/$(EXTENSION)--$(EXTVERSION).sql $(UPDATES)
EXTRA_CLEAN = $(DATA_built:=.part)

PG_CPPFLAGS = -I$(if $(VPATH),$(VPATH),$(CURDIR))/src
PG_CFLAGS   = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -ffp-contract=off
SHLIB_LINK  = -lm

REGRESS        = $(patsubst $(S)test/sql/%.sql,%,$(sort $(wildcard $(S)test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=$(S)test --load-extension=$(EXTENSION)
REGRESS_PREP   = $(if $(VPATH),expected-link)
ISOLATION      = $(patsubst $(S)test/isolation/specs/%.spec,%,$(sort $(wildcard $(S)test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(S)test/isolation --load-extension=$(EXTENSION)
TAP_TESTS      = 1
PROVE_TESTS   ?= $(S)test/t/*.pl

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# what is done to each value and query by loops that are no kernels
src/quant/rotate.o src/quant/kmeans.o: CFLAGS += $(CFLAGS_VECTORIZE)

# PGXS knows no header dependencies: any header change rebuilds everything.
$(OBJS): $(sort $(wildcard $(S)src/*/*.h))
$(OBJS): | objdirs

.PHONY: objdirs expected-link unit check-style check-interrupt check-before
objdirs:
	@mkdir -p $(sort $(dir $(OBJS))) sql

# The script is made of the numbered files of sql/install, in their order; update scripts
# include some of them. sql/expand.awk tells what templates may say.
INSTALL_SQL = $(sort $(wildcard $(S)sql/install/[0-9]*.sql $(S)sql/install/[0-9]*.sql.in))
SQL_PARTS   = $(S)sql/expand.awk $(wildcard $(S)sql/install/*)
EXPAND_SQL  = awk -v tables=$(S)sql/install/tables.tbl -v parts=$(S)sql/install -f $(S)sql/expand.awk
sql/$(EXTENSION)--$(EXTVERSION).sql: $(SQL_PARTS) | objdirs
	$(EXPAND_SQL) $(INSTALL_SQL) > $@.part
	mv $@.part $@
$(UPDATES): %.sql: $(S)%.sql.in $(SQL_PARTS) | objdirs
	$(EXPAND_SQL) $< > $@.part
	mv $@.part $@

# pg_regress looks for expected/ below the build directory.
expected-link:
	ln -sfn $(abspath $(VPATH))/expected expected

# The same objects under pgvector's extension name, for clients and dumps that say
# CREATE EXTENSION vector. Only a control file and a script; the library stays
# ours. Not where pgvector's own files are.
ALIAS_VERSION = 0.8.7
# the alias's version whose objects are those of 1.0
ALIAS_BEFORE  = 0.8.6
ALIAS_NAME    = -e 's/EXTENSION pgretrieve/EXTENSION vector/' -e "s/UPDATE TO '1.1'/UPDATE TO '$(ALIAS_VERSION)'/"
ALIAS_DIR     = $(DESTDIR)$(datadir)/$(datamoduledir)
.PHONY: install-vector-alias uninstall-vector-alias
install-vector-alias: $(DATA_built)
	@if [ -e '$(ALIAS_DIR)/vector.control' ] && ! grep -q pgretrieve '$(ALIAS_DIR)/vector.control'; then \
		echo 'error: pgvector is installed in $(ALIAS_DIR)' >&2; exit 1; fi
	sed "s/^default_version = .*/default_version = '$(ALIAS_VERSION)'/" $(S)pgretrieve.control > '$(ALIAS_DIR)/vector.control'
	sed $(ALIAS_NAME) sql/$(EXTENSION)--$(EXTVERSION).sql > '$(ALIAS_DIR)/vector--$(ALIAS_VERSION).sql'
	sed $(ALIAS_NAME) $(S)sql/$(EXTENSION)--1.0.sql > '$(ALIAS_DIR)/vector--$(ALIAS_BEFORE).sql'
	sed $(ALIAS_NAME) sql/$(EXTENSION)--1.0--1.1.sql > '$(ALIAS_DIR)/vector--$(ALIAS_BEFORE)--$(ALIAS_VERSION).sql'

uninstall-vector-alias:
	@! grep -q pgretrieve '$(ALIAS_DIR)/vector.control' || \
		rm -f '$(ALIAS_DIR)/vector.control' '$(ALIAS_DIR)'/vector--$(ALIAS_BEFORE)*.sql '$(ALIAS_DIR)/vector--$(ALIAS_VERSION).sql'

# C unit tests of src/kernel and src/quant; they need no server.
unit:
	$(MAKE) -C $(S)test/unit check

# The rules of the house that a compiler does not enforce (test/README).
check-style:
	for rule in layers circles comments format templates; do $(S)test/check_$$rule $(or $(VPATH),.) || exit 1; done
	$(S)test/covers --check $(or $(VPATH),.)

# Indexes of an earlier library, read and changed by this one (installed before).
check-before:
	$(MAKE) -C $(S)test/fuzz before

# ./check and ./quickstart, ended by a signal, leave nothing behind.
check-interrupt:
	$(S)test/check_interrupt
