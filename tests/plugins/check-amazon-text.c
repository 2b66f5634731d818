/* Python literals and pages' markup, as the metadata of Amazon have them. */
#include "config.h"

#include "../../plugins/dataset-amazon/clean.h"
#include "../../plugins/dataset-amazon/literal.h"
#include "../data/data-check.h"
#include "../fuzz/mutate.h"

static json_t *
parse (const char *text, GError **error)
{
  return literal_parse (text, strlen (text), "meta.json:7", error);
}

/* The JSON of a literal. */
static void
expect (const char *literal, const char *json)
{
  GError *error = NULL;
  json_t *value = parse (literal, &error);
  char *got;

  ck_assert_msg (error == NULL, "%s: %s", literal, error ? error->message : "");
  got = json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY);
  ck_assert_str_eq (got, json);
  free (got);
  json_decref (value);
}

START_TEST (values_are_those_that_python_printed)
{
  expect ("{}", "{}");
  expect (" [ ] ", "[]");
  expect ("None", "null");
  expect ("[True, False, None]", "[true,false,null]");
  expect ("[1, -2, 402875L, 9223372036854775807]", "[1,-2,402875,9223372036854775807]");
  expect ("[4.5, -1e-05, 1e+16]", "[4.5,-1.0000000000000001e-5,10000000000000000.0]");
  expect ("{'asin': '0205616461', 'price': 12.5, 'salesRank': {'Beauty': 402875}}",
          "{\"asin\":\"0205616461\",\"price\":12.5,\"salesRank\":{\"Beauty\":402875}}");
  expect ("{'categories': [['Beauty', 'Tools & Accessories'], ['Toys']]}",
          "{\"categories\":[[\"Beauty\",\"Tools & Accessories\"],[\"Toys\"]]}");
  expect ("{u'title' : u'x', \"brand\":\"L'Or\\\"eal\"}", "{\"title\":\"x\",\"brand\":\"L'Or\\\"eal\"}");
}
END_TEST

static void
expect_text (const char *literal, const char *text)
{
  GError *error = NULL;
  json_t *value = parse (literal, &error);

  ck_assert_msg (error == NULL, "%s: %s", literal, error ? error->message : "");
  ck_assert_str_eq (json_string_value (value), text);
  json_decref (value);
}

START_TEST (strings_have_the_escapes_of_both_pythons)
{
  expect_text ("'a\\'b\\\"c\\\\d\\n\\te'", "a'b\"c\\d\n\te");
  expect_text ("\"it's\"", "it's");
  expect_text ("'caf\\xc3\\xa9'", "café"); /* Python 2, bytes */
  expect_text ("'caf\\xe9'", "café");      /* Python 3 */
  expect_text ("'caf\\xe9 é'", "café é");
  expect_text ("u'caf\\xc3\\xa9'", "cafÃ©"); /* Python 2, characters */
  expect_text ("u'\\u2122 \\U0001f600'", "™ 😀");
  expect_text ("u'\\ud83d\\ude00'", "😀");
  expect_text ("u'\\ud83d!'", "\xef\xbf\xbd!");
  expect_text ("u'\\ud83d\\u0041'", "\xef\xbf\xbd"
                                    "A");
  expect_text ("'\\101\\7z'", "A\az");
}
END_TEST

static void
refuse (const char *literal, const char *part)
{
  GError *error = NULL;
  json_t *value = parse (literal, &error);

  ck_assert_msg (value == NULL, "%s was taken", literal);
  ck_assert_pr_error (error, PR_ERROR_DATA, "meta.json:7: column ");
  data_expect (&error, PR_ERROR_DATA, part);
}

START_TEST (what_is_no_literal_is_refused)
{
  refuse ("", "column 1: not a Python literal: no value");
  refuse ("{'a': 1", "the dictionary is not closed");
  refuse ("{'a': 1}}", "column 9: not a Python literal: something stands behind the value");
  refuse ("{'a' 1}", "':' belongs behind a key");
  refuse ("{1: 2}", "a key of the dictionary");
  refuse ("{'a': 1, }", "a key of the dictionary");
  refuse ("{'a': 1, 'a': 2}", "a second time");
  refuse ("[1, 2", "the list is not closed");
  refuse ("[1,]", "no value");
  refuse ("(1, 2)", "no value");
  refuse ("'abc", "column 5: not a Python literal: the string is not closed");
  refuse ("'abc\\", "the string is not closed");
  refuse ("'\\q'", "column 3: not a Python literal: no such escape");
  refuse ("'\\x4'", "digit that is none");
  refuse ("'\\u12", "an escape is cut off");
  refuse ("'\\x00'", "NUL");
  refuse ("u'\\U00110000'", "no character");
  refuse ("'\\777'", "no byte");
  refuse ("__import__('os')", "no value");
  refuse ("r'a'", "no value");
  refuse ("nan", "no value");
  refuse ("-", "no value");
  refuse ("1e999", "no value");
  refuse ("99999999999999999999", "no value");
  refuse ("true", "no value");
  refuse ("'a' 'b'", "something stands behind");
}
END_TEST

START_TEST (depth_and_number_of_values_are_bounded)
{
  g_autofree char *open = g_strnfill (1000000, '['), *deep = NULL, *closed = NULL, *sound = NULL;
  g_autoptr (GString) many = g_string_new ("[1");

  refuse (open, "column 33: not a Python literal: too deep");
  deep = g_strnfill (LITERAL_MAX_DEPTH - 1, '[');
  closed = g_strnfill (LITERAL_MAX_DEPTH - 1, ']');
  sound = g_strconcat (deep, "7", closed, NULL);
  json_decref (parse (sound, NULL));
  for (guint i = 0; i < LITERAL_MAX_VALUES; i++)
    g_string_append (many, ",1");
  g_string_append (many, "]");
  refuse (many->str, "more than 100000 values");
}
END_TEST

/* Damaged literals are refused with a place, or are values that JSON can hold. */
START_TEST (damaged_literals_are_refused_or_sound)
{
  const char *sound = "{'asin': u'B0\\u2122', 'description': \"L'Or\\xc3\\xa9al\", 'price': 12.5, 'salesRank': "
                      "{'Beauty': 402875L}, 'related': {'also_bought': ['a', 'b']}, 'categories': [['x', 'y'], []]}";
  guint refused = 0;

  for (guint64 round = 0; round < 20000; round++)
    {
      g_autoptr (GByteArray) bytes = mutate (sound, strlen (sound), round);
      GError *error = NULL;
      json_t *value = NULL;

      /* The reader of lines lets only UTF-8 through. */
      if (!g_utf8_validate ((const char *)bytes->data, bytes->len, NULL))
        continue;
      value = literal_parse ((const char *)bytes->data, bytes->len, "meta.json:7", &error);
      ck_assert ((value == NULL) == (error != NULL));
      refused += value == NULL;
      if (value == NULL)
        ck_assert_pr_error (error, PR_ERROR_DATA, "meta.json:7: column ");
      else
        free (json_dumps (value, JSON_ENCODE_ANY));
      json_decref (value);
      g_clear_error (&error);
    }
  ck_assert_uint_gt (refused, 2000);
}
END_TEST

static void
expect_clean (const char *text, const char *clean)
{
  g_autofree char *got = clean_text (text);

  ck_assert_str_eq (got, clean);
}

START_TEST (markup_goes_and_entities_are_decoded)
{
  expect_clean ("", "");
  expect_clean ("  a \n\t b\xc2\xa0 ", "a b");
  expect_clean ("Tools &amp; Accessories", "Tools & Accessories");
  expect_clean ("L&#39;Or&eacute;al &#xE9; &reg; &#146;s &trade;", "L'Oréal é ® ’s ™");
  expect_clean ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c");
  expect_clean ("a & b &; &nosuch; &#; &#x; &#xd800; &#0; &#1114112; R&D;", "a & b &; &nosuch; &#; &#x; &#xd800; &#0; "
                                                                            "&#1114112; R&D;");
  expect_clean ("H<sub>2</sub>O<br>is<BR/>wet<p class=\"x\">so</p>", "H2O is wet so");
  expect_clean ("a<!-- b > c -->d<script type=\"x\">var a = 1 < 2;</script>e<style>p {}</style>f", "a d e f");
  expect_clean ("5 < 6 > 4, a<b, <", "5 < 6 > 4, a<b, <");
  expect_clean ("a <!-- b", "a <!-- b");
  expect_clean ("x<script>y", "x y");
}
END_TEST

/* Quadratic time would be minutes. */
START_TEST (hostile_markup_takes_linear_time)
{
  const char *const pieces[] = { "<!--", "<script>", "<style ", "&#", "<a", "</script", "&amp" };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autofree char *clean = NULL;

      while (text->len < 2000000)
        g_string_append (text, pieces[i]);
      clean = clean_text (text->str);
      ck_assert (g_utf8_validate (clean, -1, NULL));
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("amazon-text");
  TCase *tc = tcase_create ("amazon-text");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, values_are_those_that_python_printed);
  tcase_add_test (tc, strings_have_the_escapes_of_both_pythons);
  tcase_add_test (tc, what_is_no_literal_is_refused);
  tcase_add_test (tc, depth_and_number_of_values_are_bounded);
  tcase_add_test (tc, damaged_literals_are_refused_or_sound);
  tcase_add_test (tc, markup_goes_and_entities_are_decoded);
  tcase_add_test (tc, hostile_markup_takes_linear_time);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
