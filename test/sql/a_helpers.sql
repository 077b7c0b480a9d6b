-- Functions the other tests use. Runs first, by its name.

-- What a statement gives: its single value as text, or its error with SQLSTATE.
CREATE FUNCTION try(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  result text;
  message text;
  detail text;
BEGIN
  EXECUTE statement INTO result;
  RETURN coalesce(result, 'NULL');
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
  RETURN SQLSTATE || ': ' || message || CASE WHEN detail <> '' THEN ' (' || detail || ')' ELSE '' END;
END $$;

-- One line an input: the text as the type reads it, or the error.
CREATE FUNCTION try_input(type text, VARIADIC inputs text[]) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT i || ' -> ' || try(format('SELECT %L::%s', i, type)) FROM unnest(inputs) i $$;

-- A binary value as the type's receive function takes it: through COPY, which
-- is the only door to it from SQL.
CREATE FUNCTION try_binary(type text, payload bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  file text := current_setting('data_directory') || '/pgr_try_binary';
  message text;
  result text;
  oid oid;
BEGIN
  EXECUTE format('CREATE TEMP TABLE try_binary_t (v %s)', type);
  oid := lo_from_bytea(0, '\x5047434f50590aff0d0a00'::bytea || '\x0000000000000000'::bytea ||
         '\x0001'::bytea || int4send(length(payload)) || payload || '\xffff'::bytea);
  PERFORM lo_export(oid, file);
  PERFORM lo_unlink(oid);
  EXECUTE format('COPY try_binary_t FROM %L WITH (FORMAT binary)', file);
  SELECT v::text INTO result FROM try_binary_t;
  DROP TABLE try_binary_t;
  RETURN result;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
  RETURN SQLSTATE || ': ' || message;
END $$;

-- Runs a statement under every instruction set this machine has and says
-- whether all gave the same text.
CREATE FUNCTION same_for_all_simd(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  level text;
  result text;
  first text;
BEGIN
  FOREACH level IN ARRAY ARRAY['scalar', 'avx2', 'avx512', 'avx512_vnni', 'neon'] LOOP
    BEGIN
      PERFORM set_config('pgretrieve.simd', level, false);
    EXCEPTION WHEN invalid_parameter_value THEN
      CONTINUE;		-- this machine lacks it
    END;
    EXECUTE statement INTO result;
    first := coalesce(first, result);
    IF result IS DISTINCT FROM first THEN
      RAISE NOTICE '%: % instead of %', level, result, first;
      PERFORM set_config('pgretrieve.simd', 'auto', false);
      RETURN false;
    END IF;
  END LOOP;
  PERFORM set_config('pgretrieve.simd', 'auto', false);
  RETURN true;
END $$;

SELECT try('SELECT 1'), try('SELECT 1 / 0');
