import Arguments
import Assay
import AssayCore
import CEL
import Glibc

/// `assay eval`.
enum EvalCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        if arguments.flag("batch") {
            guard arguments.operands.isEmpty, arguments.text("with") == nil else {
                throw Failure(code: .usage, message: "--batch takes its expressions and variables from standard input")
            }
            return try answerLines()
        }
        guard let expression = arguments.operands.first else {
            throw Failure(code: .usage, message: "name an expression, such as 'size([1, 2]) + 1'")
        }
        switch ExpressionTrial.evaluate(expression, with: try variables(arguments)) {
        case .value(let value):
            print(arguments.flag("json") ? JSON(typed: value).text : "\(value.literal)\ntype: \(value.type.name)")
        case .refused(let error): try refuse(error)
        case .failed(let error): try refuse(error.located(in: expression))
        }
    }

    private static func refuse(_ error: SourceError) throws(Failure) -> Never {
        Diagnostics.excerpt(error.excerpt)
        throw Failure(code: .badData, message: "\(error.line):\(error.column): \(error.message)")
    }

    private static func variables(_ arguments: ParsedArguments) throws(Failure) -> [(String, Value)] {
        guard let given = arguments.text("with") else { return [] }
        let bytes: [UInt8]
        if given.drop(while: { $0.isWhitespace }).first == "{" {
            bytes = Array(given.utf8)
        } else {
            do throws(FileError) {
                bytes = try readFile(given, atMost: 16 << 20)
            } catch {
                throw Failure(
                    code: .noInput,
                    message: "cannot open '\(given)', which is not a JSON object either: \(error.description)")
            }
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(parsing: bytes)
        } catch {
            throw Failure(code: .badData, message: "--with: \(error.message) at byte \(error.offset)")
        }
        guard let members = json.members else {
            throw Failure(code: .badData, message: "--with takes a JSON object, whose members are the variables")
        }
        return members.map { ($0.0, Value(plain: $0.1)) }
    }

    /// Answers each line at once, since the caller may wait for it.
    private static func answerLines() throws(Failure) {
        while let line = readLine() {
            var answer = ExpressionTrial.answer(line.utf8) + "\n"
            var isWritten = true
            answer.withUTF8 { bytes in
                var rest = UnsafeRawBufferPointer(bytes)[...]
                while !rest.isEmpty {
                    let count = write(STDOUT_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    if count < 0 {
                        if errno == EINTR { continue }
                        isWritten = false
                        return
                    }
                    rest = rest.dropFirst(count)
                }
            }
            guard isWritten else {
                // A caller that went away needs no answer.
                if errno == EPIPE { return }
                throw Failure(code: .inputOutput, message: "cannot write answers: \(Diagnostics.explain(errno))")
            }
        }
    }
}
