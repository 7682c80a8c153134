/// One part of a compiled expression. The parts refer to each other by number, so that running them counts no
/// references.
struct Instruction {
    enum Operation: UInt8 {
        // For any types.
        case constant, variable, local, member, select, test, testMember, failure
        case not, negate, arithmetic, order, equal, contained, index, and, or, conditional, list, map
        // Of variables that are lists: without making the list.
        case element, elementMember, countOfElements
        case call, hostCall, comprehension
        // For types known to the checker.
        case boolVariable, intVariable, doubleVariable, textVariable
        case boolConstant, intConstant, doubleConstant, textConstant
        case orderInts, orderDoubles, orderTexts, equalInts, equalDoubles, equalTexts
        case addInts, subtractInts, multiplyInts, addDoubles, subtractDoubles, multiplyDoubles, divideDoubles
        case inTexts, inKeys, startsWith, endsWith, containsText, matchesPattern, sizeOfText
    }

    let operation: Operation
    /// An Ordering, Arithmetic, Function or whether a comparison is negated.
    var detail: UInt8 = 0
    /// The offset in the source.
    var offset: Int32
    /// Other instructions, a slot, or an index in one of the program's tables.
    var x: Int32 = 0
    var y: Int32 = 0
    var z: Int32 = 0
    /// A number's bits.
    var bits: UInt64 = 0
}
