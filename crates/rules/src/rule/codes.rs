//! The codes of messages about rules. A code never changes its meaning. What is wrong with words and
//! expressions has codes of [`FILTER_CODES`](crate::FILTER_CODES).

/// The codes and what each is about.
pub const RULE_CODES: &[(&str, &str)] = &[
    ("R001", "an action that there is not"),
    ("R002", "a scope without a direction, or a packet to send without `before` or `after`"),
    ("R003", "a packet or a state that there is not"),
    ("R004", "a group that there is not"),
    ("R005", "two rules or constants of one name"),
    ("R006", "a word between a rule's condition and its values that means nothing there"),
    ("R007", "a file that cannot be included"),
    ("R008", "rules for another protocol, or for a version that there is not"),
    ("R009", "values that are missing, or that the action does not take, such as a time of 0"),
    ("R010", "a field that the packet has in no version"),
    ("R011", "a field that some packets or versions do not have"),
    ("R012", "a field that cannot be set, and why"),
    ("R013", "a value of another kind than the field"),
    ("R014", "a value that does not fit the field"),
    ("R015", "a rule that no packet reaches"),
    ("R016", "`hide` of something that nothing hides"),
    ("R017", "signed chat is touched"),
    ("R018", "a packet that the session's state depends on is touched"),
    ("R019", "a packet to send that there is not, or whose fields are not known"),
    ("R020", "a packet to send that changes the session's state"),
    ("R021", "a constant that is none, or a list in place of a value"),
    ("R022", "a colour that there is not"),
    ("R023", "texts are replaced in something that has none"),
    ("R024", "more rules or elements than the limit"),
    ("R025", "a group that the regular expression does not have"),
    ("R026", "a field that is set or given twice; a warning where two rules do so"),
    ("R027", "a field of all packets is set"),
    ("R028", "a condition that no packet meets"),
];
