//! The grader on tables of cases, on properties, and on random text.

use arbitrage_grader::{AnswerSource, Grader, InputKind, Profile, Verdict, final_answer, gold_answer};
use proptest::prelude::*;

fn strict() -> Grader {
    Grader::new(Profile::Strict)
}

fn is_right(gold: &str, pred: &str) -> bool {
    strict().grade(gold, pred).is_correct()
}

const EQUAL: &[(&str, &str)] = &[
    ("1234567", "1,234,567"),
    ("1234567", r"1{,}234{,}567"),
    ("1234567", r"1,\!234,\!567"),
    ("1234567", r"1\,234\,567"),
    ("45000", r"4.5 \times 10^4"),
    ("45000", "4.5e4"),
    ("0.045", r"4.5\cdot 10^{-2}"),
    ("-7", "−7"),
    ("7", "７"),
    ("7", "7."),
    ("7", "+7.0"),
    ("12", r"\mathbf{12}"),
    (r"\frac{22}{7}", r"3\frac{1}{7}"),
    (r"\frac{22}{7}", "3 1/7"),
    (r"-\frac{22}{7}", r"-3\frac17"),
    (r"\frac{5}{2}", "2½"),
    (r"\frac13", r"0.\overline{3}"),
    (r"\frac{7}{8}", "0.875"),
    (r"\frac{\sqrt{6}}{3}", r"\frac{2}{\sqrt{6}}"),
    (r"\sqrt{12}", r"2\sqrt3"),
    (r"\sqrt{12}", "2√3"),
    (r"\sqrt{7+4\sqrt{3}}", r"2+\sqrt{3}"),
    (r"\sqrt[3]{-27}", "-3"),
    (r"\frac{1}{1+\sqrt{2}}", r"\sqrt{2}-1"),
    ("3π", r"3\pi"),
    (r"\cos\frac{\pi}{3}", r"\frac12"),
    (r"\sin 30^\circ", "0.5"),
    (r"(a+b)^2", "a^2 + 2ab + b^2"),
    (r"\frac{x^2-1}{x-1}", "x+1"),
    (r"\frac{1}{x}+\frac{1}{y}", r"\frac{x+y}{xy}"),
    (r"4^n", r"2^{2n}"),
    (r"2^{n+1}", r"2\cdot 2^n"),
    (r"e^{i\theta}", r"\cos\theta + i\sin\theta"),
    (r"\ln 8", r"3\ln 2"),
    (r"\log_2 8", "3"),
    (r"\log_4 x", r"\frac{\ln x}{2\ln 2}"),
    (r"(n+1)!", r"(n+1)\cdot n!"),
    (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
    (r"\lceil\frac{n}{2}\rceil", r"\lfloor\frac{n+1}{2}\rfloor"),
    (r"|x|", r"\sqrt{x^2}"),
    (r"\frac{30!}{28!}", "870"),
    (r"i^2 + 5", "4"),
    ("3PQ", "3pq"),
    (r"(1, \frac12)", r"\left(1, 0.5\right)"),
    ("(2, 3)", "(x, y) = (2, 3)"),
    ("(2, 3)", r"\langle 2, 3\rangle"),
    ("(2, 3)", r"\begin{pmatrix} 2 \\ 3 \end{pmatrix}"),
    (r"[0, \infty)", r"[0, +\infty)"),
    (r"(1,2)\cup(5,6)", r"(5,6)\cup(1,2)"),
    ("(1, 3]", r"1 < x \leq 3"),
    ("(-\\infty, 3)", "x < 3"),
    ("(1, 3]", r"x\in(1,3]"),
    (r"\mathbb{R}", r"(-\infty,\infty)"),
    (r"\emptyset", r"\{\}"),
    ("2, 3, 5", r"\{5, 3, 2\}"),
    ("2, 3, 5", r"2,\ 3 \text{ and } 5"),
    ("100,200,300", "300, 200, 100"),
    ("x=2, x=-2", r"\pm 2"),
    (r"1\pm\sqrt5", r"1-\sqrt5, 1+\sqrt5"),
    ("a = 1, b = 2", "b = 2, a = 1"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1 & 2 \\ 3 & \frac{8}{2} \end{bmatrix}"),
    (r"2\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\4\end{pmatrix}"),
    ("y = 2x + 1", "2x - y + 1 = 0"),
    ("y = 2x + 1", "y=1+2x"),
    ("x^2+y^2=4", r"2x^2 + 2y^2 = 8"),
    ("x=3", "3"),
    ("f(x) = x^2", "x^2"),
    (r"\angle ABC = 40^\circ", "40"),
    ("x > 2", "2 < x"),
    ("x > 2", "-x < -2"),
    (r"1 \le x \le 2", r"2\ge x\ge 1"),
    ("5", r"5\text{ apples}"),
    (r"5\text{ m}", r"500\text{ cm}"),
    (r"9\text{ cm}^2", r"9\text{ square centimeters}"),
    ("18.50", r"\$18.50"),
    ("1,850", r"\$1850"),
    ("35", r"35^\circ"),
    ("35", "35°"),
    ("0.07", r"7\%"),
    (r"7\%", "7 percent"),
    ("3:5", "3 : 5"),
    (r"1011_2", r"1011_{2}"),
    (r"\text{Tuesday}", "tuesday"),
    (r"\text{(D)}", r"\mathrm{D}"),
    (r"\text{(D)}", "D"),
    ("9^{9^9}", " 9^{9^{9}} "),
    ("x_{1}", "x_1"),
    (r"\bar{z}", r"\overline{z}"),
];

const UNEQUAL: &[(&str, &str)] = &[
    ("3", "300"),
    ("3", "0.03"),
    ("20000", "20001"),
    ("123456789012345678901", "123456789012345678902"),
    ("1000000000000000000000.5", "1000000000000000000000.25"),
    (r"10^{30}+\sqrt2", r"10^{30}+\sqrt3"),
    (r"\frac13", "0.333"),
    ("3.14", r"\pi"),
    (r"\frac{1}{400!}", r"\frac{1}{402!}"),
    ("37_8", "37_9"),
    ("37_8", "36_8"),
    ("(1,2)", "[1,2]"),
    ("(1,2)", "(1,2]"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "(1,2,3)"),
    ("1,2", "12"),
    ("1,2,2", "1,2"),
    ("1,2,2", "1,1,2"),
    ("5", "5, 6"),
    ("5", "(5, 6)"),
    ("5", "x > 5"),
    ("x > 5", r"x \ge 5"),
    ("x > 5", "x < 5"),
    ("x=1", "y=1"),
    ("x^2=4", "4"),
    ("2x = 4", "4"),
    (r"x + y = 1", "x - y = 1"),
    ("x", "|x|"),
    ("x", r"\sqrt{x^2}"),
    ("5", "5x"),
    ("5", r"5\pi"),
    ("5", r"\sqrt{5}"),
    ("5", "-5"),
    ("5", r"\frac15"),
    ("5", "5 + i"),
    (r"\sqrt{2}", "1.414"),
    (r"1\pm\sqrt5", r"1+\sqrt5"),
    (r"2^{n-1}", r"2^{n+1}"),
    (r"\sin x", r"\cos x"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    (r"5\text{ m}", r"5\text{ s}"),
    (r"5\text{ m}", r"5\text{ cm}"),
    (r"4{:}30\text{ a.m.}", r"4{:}30\text{ p.m.}"),
    ("6:30", "1:30"),
    (r"\text{red}", r"\text{reds}"),
    (r"\text{(A)}", r"\text{(B)}"),
    (r"\infty", r"\infty-\infty"),
    (r"\infty", r"-\infty"),
    ("0", r"\frac{0}{0}"),
    ("1", r"\frac{1}{0}"),
    ("0", r"\log 0"),
    ("4", "__import__('os').getcwd()"),
    (r"1,2,\ldots,n", r"1,3,\ldots,n"),
    ("", ""),
    ("7", ""),
];

#[test]
fn the_table_holds_both_ways_round() {
    let mut wrong = Vec::new();
    for (table, expected) in [(EQUAL, true), (UNEQUAL, false)] {
        for (one, other) in table {
            for (gold, pred) in [(one, other), (other, one)] {
                let grade = strict().grade(gold, pred);
                if grade.is_correct() != expected {
                    wrong.push(format!("{gold}  {pred}  {grade:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn responses_are_searched() {
    for (gold, response, kind, found) in [
        ("7", r"First \boxed{6}, no, \boxed{7}.", InputKind::Response, AnswerSource::Boxed),
        ("1, -2", r"\[\boxed{-2} \quad\text{and}\quad \boxed{1}\]", InputKind::Response, AnswerSource::Boxes),
        ("1072", "He has 3.\n#### 1,072", InputKind::Response, AnswerSource::Hashes),
        (
            r"so $\boxed{\frac12}$.",
            "The final answer is $0.5$. I hope it is correct.",
            InputKind::Response,
            AnswerSource::Phrase,
        ),
        ("C", r"\boxed{\text{(C)}}", InputKind::Choice, AnswerSource::Letter),
        ("C", "A is too small, so I take C.", InputKind::Choice, AnswerSource::Letter),
    ] {
        let grade = strict().grade_response(gold, response, kind);
        assert!(grade.is_correct() && grade.found == found, "{response} {grade:?}");
    }
    for response in ["", "no idea", r"it is \boxed{7"] {
        assert!(!strict().grade_response("7", response, InputKind::Response).is_correct(), "{response}");
    }
}

#[test]
fn a_tolerance_is_absolute_and_asked_for() {
    for (gold, pred, tolerance, right) in [
        ("0.2", "0.3", 0.1, true),
        ("0.2", "0.3", 0.0, false),
        ("0.2", "0.31", 0.1, false),
        (r"\frac{1}{3}", "0.33", 0.01, true),
        (r"2\sqrt{3}", "3.46", 0.01, true),
        ("(1, 2)", "(1.05, 2)", 0.1, true),
        ("7", "7", 0.1, true),
        ("7", "8", f64::NAN, false),
        ("7", "8", f64::INFINITY, false),
        ("x", "y", 5.0, false),
    ] {
        let grade = strict().with_tolerance(tolerance).grade(gold, pred);
        assert_eq!(grade.is_correct(), right, "{gold} | {pred} within {tolerance}");
        assert_eq!(strict().with_tolerance(tolerance).grade(pred, gold).is_correct(), right, "{pred} | {gold}");
    }
}

#[test]
fn the_answer_of_a_worked_gold_is_found() {
    for (gold, answer) in [
        ("72", "72"),
        ("48/2 = <<48/2=24>>24 in May.\n#### 1,072 ", "1,072"),
        (r"so $\boxed{\frac{1}{2}}$ is left", r"\frac{1}{2}"),
        ("in 3 days 4 of 5", "in 3 days 4 of 5"),
    ] {
        assert_eq!(gold_answer(gold), answer);
    }
    for (text, answer) in [(r"\boxed{1} then \boxed{2", Some("1")), ("She has 1,250 left.", Some("1,250")), ("", None)]
    {
        assert_eq!(final_answer(text).map(|(_, answer)| answer).as_deref(), answer, "{text}");
    }
}

#[test]
fn what_is_too_complex_is_refused_before_it_costs_anything() {
    let deep = |open: &str, count: usize, inner: &str, close: &str| open.repeat(count) + inner + &close.repeat(count);
    for pred in [
        "9^{9^{9}}".to_owned(),
        "9**9**9".to_owned(),
        "1000000!".to_owned(),
        "((9!)!)!".to_owned(),
        r"\binom{1000000000}{500000000}".to_owned(),
        "1E999999999".to_owned(),
        r"4^{111111111111111111/2222222222}".to_owned(),
        "9".repeat(100_000),
        deep("(", 100_000, "1", ")"),
        deep(r"\frac{", 20_000, "1", "}{2}"),
        deep("{", 1000, "1", "}"),
        deep(r"\sqrt{", 300, "2", "}"),
        "-".repeat(100_000) + "1",
        "1,".repeat(50_000),
        format!("({})", "x+1)(".repeat(300) + "x+1"),
    ] {
        let grade = strict().grade("1", &pred);
        assert!(matches!(grade.verdict, Verdict::Refused { .. }), "{} {grade:?}", &pred[..pred.len().min(40)]);
        // Qwen's grader takes brackets away first.
        Grader::new(Profile::QwenCompat).grade("1", &pred);
    }
}

/// Something like LaTeX.
fn soup() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "1",
        "2",
        "30",
        "0.5",
        "x",
        "y",
        "n",
        "\\pi",
        "\\frac",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        "\\{",
        "\\}",
        "^",
        "_",
        "+",
        "-",
        "*",
        "/",
        "\\cdot ",
        ",",
        ";",
        "=",
        "<",
        "\\le ",
        "\\sqrt",
        "\\sin ",
        "\\log_2 ",
        "!",
        "|",
        "\\pm ",
        "\\cup ",
        "\\in ",
        "\\infty",
        "\\text{ and }",
        "\\text{cm}",
        "%",
        "^\\circ",
        "\\boxed{",
        "\\begin{pmatrix}",
        "\\end{pmatrix}",
        "&",
        "\\\\",
        "\\left(",
        "\\right]",
        "\\sum_{k=1}^n ",
        "\\ldots",
        ":",
        "$",
        "####",
        "answer is ",
        "\\overline{3}",
        "1,000",
        "e",
        "i",
        "∞",
        "½",
        "²",
        "é",
        "\u{0}",
        " ",
        ".",
        "'",
        "\\mathbb{R}",
        "9^{9}",
        "99!",
    ]);
    prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: proptest::test_runner::RngSeed::Fixed(17), ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(gold in soup(), pred in soup(), text in "\\PC*") {
        for profile in [Profile::Strict, Profile::QwenCompat] {
            for kind in [InputKind::Answer, InputKind::Response, InputKind::Choice] {
                Grader::new(profile).grade_response(&gold, &pred, kind);
                Grader::new(profile).grade_response(&pred, &text, kind);
            }
        }
    }

    #[test]
    fn equality_is_symmetric(one in soup(), other in soup()) {
        let (there, back) = (strict().grade(&one, &other), strict().grade(&other, &one));
        prop_assert_eq!(there.is_correct(), back.is_correct(), "{:?} {:?}", there, back);
    }

    #[test]
    fn equality_is_reflexive(one in soup()) {
        let grade = strict().grade(&one, &one);
        prop_assert!(grade.is_correct() || one.trim().is_empty(), "{:?}", grade);
    }

    #[test]
    fn spaces_do_not_matter(one in soup()) {
        let spaced = format!("  {one} ");
        prop_assert!(one.trim().is_empty() || is_right(&one, &spaced));
    }

    #[test]
    fn numbers_are_equal_to_themselves_alone(value in -10_000_000i64..10_000_000, other in -10_000_000i64..10_000_000, places in 0usize..4) {
        let scale = 10i64.pow(places as u32);
        let decimal = format!("{}{}.{:0places$}", if value < 0 { "-" } else { "" }, value.abs() / scale, value.abs() % scale);
        let fraction = format!(r"\frac{{{value}}}{{{scale}}}");
        prop_assert!(is_right(&fraction, decimal.trim_end_matches('.')), "{} {}", fraction, decimal);
        prop_assert_eq!(is_right(&value.to_string(), &other.to_string()), value == other);
    }

    #[test]
    fn what_was_boxed_is_found(before in "[a-z ]{0,20}", value in 0u32..1_000_000, behind in "[a-z .]{0,20}") {
        let response = format!(r"{before} \boxed{{\frac{{{value}}}{{7}}}}{behind}");
        let grade = strict().grade_response(&format!("{value}/7"), &response, InputKind::Response);
        prop_assert!(grade.is_correct(), "{:?}", grade);
        prop_assert_eq!(grade.found, AnswerSource::Boxed);
    }

    #[test]
    fn expanded_and_factored_forms_are_equal(a in -9i32..10, b in -9i32..10, c in -9i32..10) {
        let factored = format!("(x - ({a}))(x - ({b})) + {c}");
        let expanded = format!("x^2 + ({})x + ({})", -a - b, a * b + c);
        let other = format!("x^2 + ({})x + ({})", -a - b, a * b + c + 1);
        prop_assert!(is_right(&factored, &expanded));
        prop_assert!(!is_right(&factored, &other));
    }
}
