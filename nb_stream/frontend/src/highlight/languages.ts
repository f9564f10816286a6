/** The languages whose code is coloured. Code in any other language is shown without colours. */

import { type Language, type Span, Tokenizer } from "./tokens";

const splitWords = (text: string) => text.split(" ");

const NUMBER_TOKEN =
  "\\b(?:0[xX][\\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\\d[\\d_]*(?:\\.\\d[\\d_]*)?(?:[eE][+-]?\\d+)?)[a-zA-Z]{0,3}\\b";
const DOUBLE = '"(?:\\\\.|[^"\\\\])*"?';
const SINGLE = "'(?:\\\\.|[^'\\\\])*'?";
const SLASHES = "//.*";
const HASH = "#.*";
const BLOCK_COMMENT: Span = { kind: "comment", open: "/\\*", close: "\\*/" };
const CONSTANT = "\\b[A-Z][A-Z0-9_]+\\b";

const python: Language = {
  spans: [
    { kind: "string", open: '[rbfuRBFU]{0,2}"""', close: '"""', escapes: true },
    { kind: "string", open: "[rbfuRBFU]{0,2}'''", close: "'''", escapes: true },
  ],
  rules: [
    ["comment", HASH],
    ["string", `\\b[rbfuRBFU]{1,2}(?:${DOUBLE}|${SINGLE})|${DOUBLE}|${SINGLE}`],
    ["meta", "@[\\w.]+"],
    ["name", "(?<=\\b(?:def|class)\\s+)\\w+"],
    ["number", NUMBER_TOKEN],
  ],
  keywords: splitWords(
    "and as assert async await break case class continue def del elif else except finally for from global if import " +
      "in is lambda match nonlocal not or pass raise return try while with yield True False None",
  ),
  types: splitWords(
    "self cls int float str bool bytes list dict set tuple object type range len print super isinstance enumerate zip " +
      "map filter sorted open Exception ValueError TypeError KeyError RuntimeError",
  ),
};

const javascript: Language = {
  spans: [BLOCK_COMMENT, { kind: "string", open: "`", close: "`", escapes: true }],
  rules: [
    ["comment", SLASHES],
    ["string", `${DOUBLE}|${SINGLE}`],
    [
      "string",
      "(?<=(?:^|[=(,:;!&|?{}\\[])\\s*)/(?![/*])(?:\\\\.|\\[(?:\\\\.|[^\\]\\\\])*\\]|[^/\\\\[])+/[a-z]*",
    ],
    ["meta", "@\\w+"],
    ["number", NUMBER_TOKEN],
    ["name", "(?<=\\b(?:function|class|interface|type|enum)\\s+)[\\w$]+"],
  ],
  keywords: splitWords(
    "abstract as async await break case catch class const continue debugger declare default delete do else enum export " +
      "extends false finally for from function get if implements import in instanceof interface keyof let new null of " +
      "override private protected public readonly return satisfies set static super switch this throw true try type " +
      "typeof undefined var void while with yield",
  ),
  types: splitWords(
    "any boolean never number object string symbol unknown Array Date Error JSON Map Math Number Object Promise Record " +
      "RegExp Set String console document window",
  ),
};

const json: Language = {
  spans: [BLOCK_COMMENT],
  rules: [
    ["name", '"(?:\\\\.|[^"\\\\])*"(?=\\s*:)'],
    ["string", DOUBLE],
    ["comment", SLASHES],
    ["number", `-?${NUMBER_TOKEN}`],
  ],
  keywords: splitWords("true false null"),
};

const shell: Language = {
  spans: [
    { kind: "string", open: '"', close: '"', escapes: true },
    { kind: "string", open: "'", close: "'" },
  ],
  rules: [
    ["comment", "(?<=^|\\s)#.*"],
    ["meta", "\\$(?:\\{[^}]*\\}?|\\w+|[@#?*!$-])"],
    ["type", "(?<=\\s)--?[A-Za-z][\\w-]*"],
    ["number", "(?<=\\s)\\d+\\b"],
  ],
  keywords: splitWords(
    "if then elif else fi for while until do done case esac in function return local export set unset alias source " +
      "exit trap shift break continue",
  ),
  types: splitWords(
    "cd echo printf ls cat grep sed awk find xargs curl wget git pip pip3 npm npx node python python3 docker sudo mkdir " +
      "rm cp mv chmod chown tar ssh make conda uv apt",
  ),
};

const yaml: Language = {
  rules: [
    ["comment", "(?<=^|\\s)#.*"],
    ["name", "(?<=^\\s*(?:- +)*)[\\w.$/](?:[\\w.$/ -]*[\\w.$/-])?(?=:(?:\\s|$))"],
    ["string", `${DOUBLE}|${SINGLE}`],
    ["meta", "(?<=\\s|^)[&*!][\\w-]+|^---$|^\\.\\.\\.$"],
    ["number", "(?<=[:\\s-] )-?\\d[\\d._]*(?=\\s|$)"],
  ],
  keywords: splitWords("true false null yes no on off"),
};

const toml: Language = {
  spans: [
    { kind: "string", open: '"""', close: '"""', escapes: true },
    { kind: "string", open: "'''", close: "'''" },
  ],
  rules: [
    ["comment", "[#;].*"],
    ["meta", "^\\s*\\[.*\\]"],
    ["name", "^[\\s]*[\\w.\"'-]+(?=\\s*=)"],
    ["string", `${DOUBLE}|${SINGLE}`],
    ["number", NUMBER_TOKEN],
  ],
  keywords: splitWords("true false"),
};

const diff: Language = {
  rules: [
    ["meta", "^(?:@@|diff |index |--- |\\+\\+\\+ |\\*\\*\\*).*"],
    ["added", "^\\+.*"],
    ["removed", "^-.*"],
    ["comment", "^\\\\.*"],
  ],
};

const markup: Language = {
  spans: [
    { kind: "comment", open: "<!--", close: "-->" },
    { kind: "meta", open: "<!\\[CDATA\\[", close: "\\]\\]>" },
  ],
  rules: [
    ["meta", "<[!?][^>]*>?"],
    ["keyword", "</?[A-Za-z][\\w:.-]*|/?>"],
    ["name", "(?<=\\s)[\\w:@.-]+(?==)"],
    ["string", "(?<==)(?:\"[^\"]*\"?|'[^']*'?)"],
    ["number", "&[#\\w]+;"],
  ],
};

const css: Language = {
  spans: [BLOCK_COMMENT],
  rules: [
    ["string", `${DOUBLE}|${SINGLE}`],
    ["meta", "@[\\w-]+|--[\\w-]+"],
    ["number", "#[\\da-fA-F]{3,8}\\b|-?\\b\\d*\\.?\\d+(?:%|[a-z]+)?"],
    ["name", "[\\w-]+(?=\\s*:\\s)"],
    ["keyword", "[.#&][\\w-]+|::?[\\w-]+|!important"],
  ],
};

const sql: Language = {
  spans: [BLOCK_COMMENT],
  rules: [
    ["comment", "--.*"],
    ["string", "'(?:''|[^'])*'?"],
    ["number", NUMBER_TOKEN],
  ],
  keywords: splitWords(
    "add all alter and as asc between by case check column commit constraint create cross database default delete desc " +
      "distinct drop else end exists foreign from full group having if in index inner insert into is join key left like " +
      "limit not null offset on or order outer over partition primary references returning right rollback select set " +
      "table then transaction union unique update using values view when where window with true false",
  ),
  types: splitWords(
    "bigint bool boolean char date decimal float int integer json numeric real serial text timestamp varchar",
  ),
  ignoresCase: true,
};

const r: Language = {
  rules: [
    ["comment", HASH],
    ["string", `${DOUBLE}|${SINGLE}`],
    ["meta", "<-|->|%[^%\\s]*%|\\|>"],
    ["number", NUMBER_TOKEN],
  ],
  keywords: splitWords(
    "if else for while repeat function return next break in TRUE FALSE NULL NA NaN Inf library require",
  ),
};

/** C and the languages that look like it: for colours, one table is enough. */
const braces: Language = {
  spans: [BLOCK_COMMENT, { kind: "string", open: "`", close: "`" }],
  rules: [
    ["comment", SLASHES],
    ["meta", "^\\s*#\\s*\\w+.*|#!?\\[[^\\]]*\\]|@\\w+|\\b\\w+!(?=[(\\[{])"],
    ["type", "'[a-z_]\\w*\\b(?!')"],
    ["string", `${DOUBLE}|${SINGLE}`],
    ["number", NUMBER_TOKEN],
    ["name", "(?<=\\b(?:func|fn|fun|class|struct|enum|trait|interface|impl)\\s+)\\w+"],
    ["number", CONSTANT],
  ],
  keywords: splitWords(
    "abstract async auto await break case catch chan class const constexpr continue crate default defer defn delete do " +
      "dyn else enum explicit export extends extern fallthrough false final finally fn for foreach friend fun func go " +
      "goto if impl implements import in inline instanceof interface internal is let loop match mod move mut namespace " +
      "new nil null nullptr object operator out override package private protected pub public range readonly ref return " +
      "sealed select self static struct super switch template this throw throws trait true try type typedef typename " +
      "union unsafe use using val var virtual void volatile when where while with yield",
  ),
  types: splitWords(
    "bool boolean byte char double f32 f64 float i8 i16 i32 i64 int int8 int16 int32 int64 isize long short size_t " +
      "str string String u8 u16 u32 u64 uint uint8 uint32 uint64 unsigned usize Vec Option Result Box List Map Set error any",
  ),
};

const TABLES: readonly (readonly [string, Language])[] = [
  ["python py python3 ipython pycon", python],
  ["javascript js jsx mjs cjs typescript ts tsx node", javascript],
  ["json jsonc json5 jsonl ipynb", json],
  ["bash sh shell zsh console shell-session shellscript terminal", shell],
  ["yaml yml", yaml],
  ["toml ini cfg conf properties", toml],
  ["diff patch", diff],
  ["html xml svg xhtml vue markup", markup],
  ["css scss less", css],
  ["sql postgresql mysql sqlite", sql],
  ["r", r],
  ["c cpp c++ h hpp cs csharp c# java kotlin kt scala go golang rust rs swift dart php", braces],
];

const languages = new Map<string, Language>();
for (const [names, language] of TABLES) for (const name of splitWords(names)) languages.set(name, language);
const tokenizers = new Map<Language, Tokenizer>();

/** The tokenizer of the language with this name; undefined if the language is not known. */
export function tokenizerOf(name: string): Tokenizer | undefined {
  const language = languages.get(name.toLowerCase());
  if (!language) return undefined;
  const known = tokenizers.get(language) ?? new Tokenizer(language);
  tokenizers.set(language, known);
  return known;
}
