import software.amazon.smithy.model.Model;
import software.amazon.smithy.model.node.Node;
import software.amazon.smithy.model.shapes.ModelSerializer;
import software.amazon.smithy.model.transform.ModelTransformer;

/** Prints every model on the class path as one JSON AST, without mixins. */
public final class Dump {
    public static void main(String[] arguments) {
        Model model = Model.assembler().discoverModels().assemble().unwrap();
        model = ModelTransformer.create().flattenAndRemoveMixins(model);
        System.out.println(Node.printJson(ModelSerializer.builder().build().serialize(model)));
    }
}
